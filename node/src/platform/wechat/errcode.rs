//! The open platform's error numbers (`{"errcode": …, "errmsg": …}` with HTTP 200), in words for an operator.

use crate::platform::PlatformError;

/// How much of the platform's own words is shown, characters.
const WORDS_MAX: usize = 160;

/// The call that gives the third-party platform its own token.
pub const COMPONENT_TOKEN: &str = "its own token (api_component_token)";

/// The platform is busy; trying again helps.
pub const BUSY: i64 = -1;

/// Whether the token that the call carried is not, or not any more, the right one.
pub fn is_stale_token(errcode: i64) -> bool {
    // 40001 invalid or not the latest, 40014 no token at all, 42001 expired.
    matches!(errcode, 40001 | 40014 | 42001)
}

/// What to tell an operator. `call` names the API; `appid` the mini program it was about, where it was about one.
pub fn explain(errcode: i64, errmsg: &str, call: &str, appid: Option<&str>) -> PlatformError {
    let said = format!("errcode {errcode}, `{}`", words(errmsg));
    let whose = appid.unwrap_or("of this call");
    let (status, code, detail) = match errcode {
        BUSY => (
            503,
            "platform_busy",
            format!(
                "The open platform is busy ({said}) and was so each time it was asked. Try again in a minute."
            ),
        ),
        61003 | 61023 => return PlatformError::not_authorized(whose).numbered(errcode),
        61004 => (
            502,
            "platform_ip_not_allowed",
            format!(
                "The open platform takes no calls from this node's address ({said}). Add the public address of every \
                 node to the IP white list of the third-party platform: open.weixin.qq.com, the platform's details, \
                 development settings."
            ),
        ),
        45009 | 45011 => (
            503,
            "platform_rate_limited",
            format!(
                "The open platform's limit for {call} is reached ({said}). The limits of a minute pass in a minute, \
                 those of a day at midnight in Beijing; until then what was read last stays in force."
            ),
        ),
        61005 | 61006 => (
            503,
            "platform_ticket_missing",
            format!(
                "The open platform does not take its verify ticket any more ({said}). It pushes a new one every 10 \
                 minutes: look that the authorisation event URL set there is this cluster's \
                 …/platform/wechat/events and is answered 200."
            ),
        ),
        // A renewal carries no token: what is invalid is the secret.
        40001 if call == COMPONENT_TOKEN => return explain(40125, errmsg, call, appid),
        40001 | 40014 | 42001 => (
            502,
            "platform_token_refused",
            format!(
                "The open platform refused a token that it has just given ({said}). Another program may renew tokens \
                 of the same third-party platform: only this cluster may. It is tried again by itself."
            ),
        ),
        40013 | 40125 | 41002 | 41004 | 61011 => (
            502,
            "platform_settings_wrong",
            format!(
                "The open platform does not know this third-party platform ({said}). Check \
                 platform.wechat.component_appid and platform.wechat.component_secret against open.weixin.qq.com."
            ),
        ),
        48001 | 61007 => (
            409,
            "platform_permission_missing",
            format!(
                "Mini program `{whose}` has not granted what {call} needs ({said}). Tick the permission set \
                 \"development management\" (18) in the third-party platform, then let the mini program's \
                 administrator authorise it again."
            ),
        ),
        61009 | 61010 => (
            422,
            "authorization_code_invalid",
            format!(
                "The authorisation code is used up or too old ({said}). Open a new page with POST \
                 /admin/v1/spaces/{{space}}/authorization-url."
            ),
        ),
        40029 | 40163 | 40226 => (
            422,
            "login_code_invalid",
            format!(
                "The login code is wrong, used up or too old ({said}). Let the client call wx.login again and send \
                 the new code."
            ),
        ),
        85001..=86999 => (
            409,
            "platform_refused",
            format!(
                "The open platform refused {call} for mini program `{whose}` ({said}). Look at the mini program's \
                 state on mp.weixin.qq.com: it may lack a name, a category or a trial version."
            ),
        ),
        _ => (
            502,
            "platform_refused",
            format!(
                "The open platform refused {call} ({said}). Its page on return codes says what the number means; \
                 what was read last stays in force."
            ),
        ),
    };
    PlatformError::new(status, code, detail).numbered(errcode)
}

/// The platform's own words on one line, short, without the mark (`rid: …`) that differs each time.
fn words(errmsg: &str) -> String {
    let marks = [" rid:", " hint:"];
    let marked = marks.iter().filter_map(|mark| errmsg.find(mark)).min();
    let plain = &errmsg[..marked.unwrap_or(errmsg.len())];
    let printable = plain.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_that_an_operator_can_act_on_says_what_to_do_and_where() {
        for (errcode, code, says) in [
            (-1, "platform_busy", "again"),
            (61003, "not_authorized", "authorization-url"),
            (61023, "not_authorized", "authorization-url"),
            (61004, "platform_ip_not_allowed", "white list"),
            (45009, "platform_rate_limited", "midnight"),
            (45011, "platform_rate_limited", "minute"),
            (61005, "platform_ticket_missing", "/platform/wechat/events"),
            (61006, "platform_ticket_missing", "10"),
            (
                40125,
                "platform_settings_wrong",
                "platform.wechat.component_secret",
            ),
            (
                40013,
                "platform_settings_wrong",
                "platform.wechat.component_appid",
            ),
            (48001, "platform_permission_missing", "permission set"),
            (61009, "authorization_code_invalid", "authorization-url"),
            (40029, "login_code_invalid", "wx.login"),
            (86002, "platform_refused", "mp.weixin.qq.com"),
            (12345, "platform_refused", "12345"),
        ] {
            let error = explain(errcode, "words of the platform", "a call", Some("wx1"));
            assert_eq!(error.code, code, "{errcode}");
            assert!(error.detail.contains(says), "{errcode}: {error}");
            assert_eq!(error.errcode, Some(errcode));
        }
    }

    #[test]
    fn the_platforms_words_are_shown_short_and_on_one_line() {
        let error = explain(1, &format!("a\nb{}", "x".repeat(500)), "a call", None);
        assert!(
            error.detail.contains("a b") && error.detail.len() < 500,
            "{error}"
        );
        let said = |mark: &str| explain(1, &format!("no {mark}"), "a call", None);
        assert_eq!(
            said("rid: 1a2b"),
            said("rid: 3c4d"),
            "said the same, it reads the same"
        );
    }
}
