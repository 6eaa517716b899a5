//! What the stand-in answers, call by call, in the shapes of developers.weixin.qq.com.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::{Value, json};

use super::{COMPONENT, COMPONENT_SECRET, Given, Program, State};

type Query<'q> = BTreeMap<&'q str, String>;

// === impl State ===

impl State {
    pub(super) fn new() -> Self {
        State {
            tickets: Vec::new(),
            component: None,
            authorizers: BTreeMap::new(),
            codes: BTreeMap::new(),
            programs: BTreeMap::new(),
            expires_in_s: 7_200,
            count: 0,
            asked: Vec::new(),
            refusals: Vec::new(),
            slow: BTreeMap::new(),
        }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    fn give(&mut self, what: &str) -> Given {
        Given {
            token: format!("planted-{what}-{}/+=", self.next()),
            until: Instant::now() + Duration::from_secs(self.expires_in_s),
        }
    }

    pub(super) fn answer(&mut self, path: &str, query: &str, body: &[u8]) -> Response<Full<Bytes>> {
        self.asked.push(path.to_owned());
        let scripted = self
            .refusals
            .iter_mut()
            .find(|(at, _, times)| at == path && *times > 0);
        if let Some((_, said, times)) = scripted {
            *times -= 1;
            return text(said);
        }
        let query = parameters(query);
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        match self.reply(path, &query, &body) {
            Ok(Reply::Json(json)) => text(&json),
            Ok(Reply::Picture(bytes)) => Response::builder()
                .header("content-type", "image/jpeg")
                .header("content-disposition", "attachment; filename=\"QRCode.jpg\"")
                .body(Full::new(bytes.into()))
                .expect("a sound answer"),
            Err((errcode, errmsg)) => {
                let rid = self.next();
                text(&json!({ "errcode": errcode, "errmsg": format!("{errmsg} rid: {rid}") }))
            }
        }
    }

    fn reply(&mut self, path: &str, query: &Query<'_>, body: &Value) -> Result<Reply, Refused> {
        match path {
            "/cgi-bin/component/api_component_token" => return self.component_token(body),
            "/sns/component/jscode2session" => {
                self.check_component(query)?;
                return self.session(query);
            }
            _ if path.starts_with("/cgi-bin/component/") => {
                self.check_component(query)?;
                if body["component_appid"] != COMPONENT {
                    return Err((40013, "invalid appid"));
                }
            }
            _ => {}
        }
        let answer = match path {
            "/cgi-bin/component/api_create_preauthcode" => {
                let code = format!("preauthcode@@@{}", self.next());
                json!({ "pre_auth_code": code, "expires_in": 1800 })
            }
            "/cgi-bin/component/api_query_auth" => self.query_auth(body)?,
            "/cgi-bin/component/api_authorizer_token" => self.authorizer_token(body)?,
            "/cgi-bin/component/api_get_authorizer_info" => {
                let appid = body["authorizer_appid"].as_str().unwrap_or("");
                if !self.authorizers.contains_key(appid) {
                    return Err((61003, "component is not authorized by this account"));
                }
                json!({ "authorizer_info": { "nick_name": self.program(appid).name, "user_name": "gh_1" } })
            }
            "/wxa/get_effective_domain" => {
                let program = self.authorised(query)?;
                json!({ "errcode": 0, "errmsg": "ok", "mp_domain": { "requestdomain": [] },
                    "third_domain": { "requestdomain": program.set },
                    "effective_domain": { "requestdomain": program.in_effect, "wsrequestdomain": [] } })
            }
            "/wxa/modify_domain" => {
                let program = self.authorised(query)?;
                if body != &json!({ "action": "get" }) {
                    return Err((40097, "invalid args"));
                }
                json!({ "errcode": 0, "errmsg": "ok", "requestdomain": program.set, "wsrequestdomain": [] })
            }
            "/wxa/getversioninfo" => {
                let program = self.authorised(query)?;
                // An empty body is refused; an empty object is asked for.
                if !body.is_object() {
                    return Err((44002, "empty post data"));
                }
                let mut answer = json!({ "errcode": 0, "errmsg": "ok" });
                if let Some(trial) = program.trial {
                    answer["exp_info"] =
                        json!({ "exp_time": 1_640_762_988, "exp_version": trial, "exp_desc": "" });
                }
                if let Some(release) = program.release {
                    answer["release_info"] = json!({ "release_time": 1_640_763_902, "release_version": release, "release_desc": "" });
                }
                answer
            }
            "/wxa/get_qrcode" => return self.authorised(query).map(|p| Reply::Picture(p.picture)),
            _ => return Err((43002, "require POST method")),
        };
        Ok(Reply::Json(answer))
    }

    fn component_token(&mut self, body: &Value) -> Result<Reply, Refused> {
        if body["component_appid"] != COMPONENT {
            return Err((40013, "invalid appid"));
        }
        if body["component_appsecret"] != COMPONENT_SECRET {
            return Err((40125, "invalid appsecret"));
        }
        let ticket = body["component_verify_ticket"].as_str().unwrap_or("");
        if !self.tickets.iter().any(|known| known == ticket) {
            return Err((61006, "component ticket is invalid"));
        }
        let given = self.give("component");
        let answer =
            json!({ "component_access_token": given.token, "expires_in": self.expires_in_s });
        self.component = Some(given);
        Ok(Reply::Json(answer))
    }

    fn check_component(&self, query: &Query<'_>) -> Result<(), Refused> {
        check(self.component.as_ref(), query.get("component_access_token"))
    }

    fn query_auth(&mut self, body: &Value) -> Result<Value, Refused> {
        let code = body["authorization_code"].as_str().unwrap_or("");
        let appid = self.codes.remove(code).ok_or((61010, "code is expired"))?;
        let (given, refresh) = (self.give("authorizer"), self.give("refresh").token);
        let answer = json!({ "authorization_info": {
            "authorizer_appid": appid, "authorizer_access_token": given.token, "expires_in": self.expires_in_s,
            "authorizer_refresh_token": refresh, "func_info": [{ "funcscope_category": { "id": 18 } }] } });
        self.authorizers.insert(appid, (refresh, Some(given)));
        Ok(answer)
    }

    fn authorizer_token(&mut self, body: &Value) -> Result<Value, Refused> {
        let appid = body["authorizer_appid"].as_str().unwrap_or("").to_owned();
        let refresh = match self.authorizers.get(&appid) {
            None => return Err((61003, "component is not authorized by this account")),
            Some((refresh, _)) => refresh.clone(),
        };
        if body["authorizer_refresh_token"] != refresh.as_str() {
            return Err((61023, "refresh_token is invalid"));
        }
        let given = self.give("authorizer");
        let answer = json!({ "authorizer_access_token": given.token, "expires_in": self.expires_in_s,
            "authorizer_refresh_token": refresh });
        self.authorizers.insert(appid, (refresh, Some(given)));
        Ok(answer)
    }

    /// The mini program whose token a call carries.
    fn authorised(&self, query: &Query<'_>) -> Result<Program, Refused> {
        let sent = query.get("access_token").map_or("", String::as_str);
        let of = self
            .authorizers
            .iter()
            .find(|(_, (_, given))| given.as_ref().is_some_and(|given| given.token == sent));
        let Some((appid, (_, given))) = of else {
            return Err((
                40001,
                "invalid credential, access_token is invalid or not latest",
            ));
        };
        check(given.as_ref(), Some(&sent.to_owned()))?;
        Ok(self.program(appid))
    }

    fn session(&mut self, query: &Query<'_>) -> Result<Reply, Refused> {
        let text = |name: &str| query.get(name).map_or("", String::as_str);
        if text("grant_type") != "authorization_code" || text("component_appid") != COMPONENT {
            return Err((40002, "invalid grant_type"));
        }
        if !self.authorizers.contains_key(text("appid")) {
            return Err((61003, "component is not authorized by this account"));
        }
        // A code can be used once.
        let key = format!("session {}", text("js_code"));
        if !text("js_code").starts_with("code") || self.codes.insert(key, String::new()).is_some() {
            return Err((40029, "invalid code"));
        }
        Ok(Reply::Json(
            json!({ "openid": format!("o-{}", text("js_code")),
            "session_key": "planted-session-key", "unionid": "u-1" }),
        ))
    }

    fn program(&self, appid: &str) -> Program {
        self.programs.get(appid).cloned().unwrap_or_default()
    }
}

type Refused = (i64, &'static str);

enum Reply {
    Json(Value),
    Picture(Vec<u8>),
}

fn check(given: Option<&Given>, sent: Option<&String>) -> Result<(), Refused> {
    let given = given.filter(|given| Some(&given.token) == sent);
    let given = given.ok_or((
        40001,
        "invalid credential, access_token is invalid or not latest",
    ))?;
    match Instant::now() < given.until {
        true => Ok(()),
        false => Err((42001, "access_token expired")),
    }
}

fn text(json: &Value) -> Response<Full<Bytes>> {
    Response::builder()
        .header("content-type", "application/json; encoding=utf-8")
        .body(Full::new(json.to_string().into()))
        .expect("a sound answer")
}

fn parameters(query: &str) -> Query<'_> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name, decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let code = (*first == b'%').then(|| after.get(..2)).flatten();
        let code =
            code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
