//! What the open platform says of a mini program: three questions, one picture.

use serde_json::{Value, json};
use weir_config::object::{PlatformVersion, PlatformVersions};

use super::api::ApiCall;
use super::{WechatPlatform, texts};
use crate::platform::{MiniProgramFacts, PlatformError};

/// The longest version number that is kept, characters.
const VERSION_MAX: usize = 64;

// === impl WechatPlatform ===

impl WechatPlatform {
    pub(super) async fn facts(&self, appid: &str) -> Result<MiniProgramFacts, PlatformError> {
        // Said before anything is asked, where nobody let us in.
        self.authorizer(appid)?;
        Ok(MiniProgramFacts {
            request_domains: self.request_domains(appid).await?,
            versions: self.versions(appid).await?,
            name: self.name(appid).await?,
        })
    }

    /// The domains that clients may call now; where none is in effect yet, those that are set.
    async fn request_domains(&self, appid: &str) -> Result<Vec<String>, PlatformError> {
        let name = "the domains in effect (wxa/get_effective_domain)";
        let call = ApiCall::post(name, "/wxa/get_effective_domain", json!({})).on_behalf_of(appid);
        let answer = self.on_behalf_of(appid, call).await?.json(name)?;
        let in_effect = texts(&answer["effective_domain"]["requestdomain"]);
        if !in_effect.is_empty() {
            return Ok(in_effect);
        }
        let name = "the domains (wxa/modify_domain)";
        let body = json!({ "action": "get" });
        let call = ApiCall::post(name, "/wxa/modify_domain", body).on_behalf_of(appid);
        let answer = self.on_behalf_of(appid, call).await?.json(name)?;
        Ok(texts(&answer["requestdomain"]))
    }

    /// The platform tells of the trial and the release version; development versions it does not list.
    async fn versions(&self, appid: &str) -> Result<PlatformVersions, PlatformError> {
        let name = "the versions (wxa/getversioninfo)";
        let call = ApiCall::post(name, "/wxa/getversioninfo", json!({})).on_behalf_of(appid);
        let answer = self.on_behalf_of(appid, call).await?.json(name)?;
        Ok(PlatformVersions {
            release: version(&answer["release_info"], "release_version", "release_time"),
            trial: version(&answer["exp_info"], "exp_version", "exp_time"),
            develop: None,
        })
    }

    async fn name(&self, appid: &str) -> Result<String, PlatformError> {
        let name = "the mini program (api_get_authorizer_info)";
        let body = json!({ "component_appid": self.component.appid, "authorizer_appid": appid });
        let path = "/cgi-bin/component/api_get_authorizer_info";
        let call = ApiCall::post(name, path, body).about(appid);
        let answer = self.as_component(call).await?.json(name)?;
        let nick_name = answer["authorizer_info"]["nick_name"].as_str();
        Ok(nick_name.unwrap_or("").to_owned())
    }
}

/// A version that exists may have an empty number: its time tells it apart then.
fn version(info: &Value, number: &str, time: &str) -> Option<PlatformVersion> {
    let number = info[number].as_str().unwrap_or("");
    let legal = |c: &char| !c.is_control() && !c.is_whitespace();
    let mut number: String = number.chars().filter(legal).take(VERSION_MAX).collect();
    if number.is_empty() {
        number = info[time].as_u64().filter(|time| *time > 0)?.to_string();
    }
    Some(PlatformVersion {
        version: number,
        qr_url: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_named_by_its_number_or_its_time_and_is_none_without_either() {
        let of = |info: Value| version(&info, "exp_version", "exp_time").map(|v| v.version);
        assert_eq!(
            of(json!({"exp_version": "V1 .0", "exp_time": 5})),
            Some("V1.0".to_owned())
        );
        assert_eq!(
            of(json!({"exp_version": "", "exp_time": 5})),
            Some("5".to_owned())
        );
        assert_eq!(of(json!({"exp_version": "", "exp_time": 0})), None);
        assert_eq!(of(json!(null)), None);
    }
}
