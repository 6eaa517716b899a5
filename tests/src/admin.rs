//! A client of the admin API.

use std::net::SocketAddr;

use http::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Call, whole};
use crate::wait_until;

/// The admin API of one node, with the cluster's token.
#[derive(Clone, Debug)]
pub struct Admin {
    addr: SocketAddr,
    token: String,
}

/// What a test needs to know of a business.
#[derive(Clone, Debug)]
pub struct Business {
    pub id: String,
    pub access_domain: String,
    pub route_tag: String,
    /// As the API answered.
    pub document: Value,
}

// === impl Admin ===

impl Admin {
    pub fn new(addr: SocketAddr, token: &str) -> Self {
        Admin {
            addr,
            token: token.to_owned(),
        }
    }

    /// Any call, `path` below `/admin/v1`; the caller looks at the status.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.try_call(method, path, body)
            .await
            .expect("the admin API answers")
    }

    pub async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        self.request(method, path, body).try_send().await
    }

    /// A call to which the caller adds headers.
    pub fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Call {
        let path = format!("/admin/v1{path}");
        let call = Call::new(method, self.addr, &self.addr.to_string(), &path)
            .header("authorization", &format!("Bearer {}", self.token));
        match body {
            Some(body) => call
                .header("content-type", "application/json")
                .body(whole(body.to_string().into())),
            None => call,
        }
    }

    /// # Panics
    /// Where the answer is not 200.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.call(Method::GET, path, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// All items of a list, page by page.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut after = String::new();
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = self
                .get(&format!("{path}{separator}limit=500{after}"))
                .await;
            items.extend(page["items"].as_array().expect("a list has items").clone());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return items,
            }
        }
    }

    /// # Panics
    /// Where the change is refused.
    pub async fn put(&self, path: &str, body: Value) -> Value {
        accepted(path, self.call(Method::PUT, path, Some(&body)).await)
    }

    /// # Panics
    /// Where the change is refused.
    pub async fn post(&self, path: &str, body: Option<Value>) -> Value {
        accepted(path, self.call(Method::POST, path, body.as_ref()).await)
    }

    /// # Panics
    /// Where the change is refused.
    pub async fn patch(&self, path: &str, body: Value) -> Value {
        accepted(path, self.call(Method::PATCH, path, Some(&body)).await)
    }

    /// The node's figures as Prometheus reads them, if it answers.
    pub async fn metrics(&self) -> Option<String> {
        let call = Call::new(Method::GET, self.addr, &self.addr.to_string(), "/metrics");
        let answer = call.try_send().await.ok()?;
        Some(answer.text().to_owned())
    }

    /// What lets a node of this name into the cluster, and lets it issue certificates, so that any node of a test may
    /// be lost.
    pub async fn join_token(&self, node: &str) -> String {
        let body = json!({ "node": node, "issuer": true });
        let (join, _) = wait_until("a node makes a join token", async || {
            let path = "/cluster/join-tokens";
            let answer = self.call(Method::POST, path, Some(&body)).await;
            // A node that has just joined gets the keys within a second.
            let lacking = answer.status == 409 && answer.json()["code"] == "not_an_issuer";
            (!lacking).then(|| accepted(path, answer)["join"].as_str().map(str::to_owned))
        })
        .await;
        join.expect("a token is a text")
    }

    /// `GET /cluster`; `None` while it cannot be had.
    pub async fn cluster(&self) -> Option<Value> {
        let answer = self.try_call(Method::GET, "/cluster", None).await.ok()?;
        (answer.status == 200).then(|| answer.json())
    }

    /// `None` where this node knows no such business (yet).
    pub async fn business(&self, id: &str) -> Option<Business> {
        let answer = self
            .call(Method::GET, &format!("/businesses/{id}"), None)
            .await;
        (answer.status == 200).then(|| Business::from_document(answer.json()))
    }

    /// Puts a mini program with a trial version on the local platform.
    pub async fn register(&self, appid: &str, domains: &[&str]) {
        let program =
            json!({ "name": "Shop", "request_domains": domains, "versions": { "trial": "1.0.0" } });
        self.put(&format!("/platform/mini-programs/{appid}"), program)
            .await;
    }

    /// A space with its agreement accepted and the mini program authorised to it.
    pub async fn open_space(&self, space: &str, appid: &str) {
        self.put(&format!("/spaces/{space}"), json!({ "name": "Shop" }))
            .await;
        let agreement = json!({ "version": "1", "accepted_by": "operator@shop.example" });
        self.put(&format!("/spaces/{space}/agreement"), agreement)
            .await;
        self.put(&format!("/spaces/{space}/mini-programs/{appid}"), json!({}))
            .await;
    }

    /// Has a mini program read from its platform now; the caller looks at the status.
    pub async fn refresh(&self, appid: &str) -> Answer {
        let path = format!("/platform/mini-programs/{appid}/refresh");
        self.call(Method::POST, &path, None).await
    }

    /// Without the link test, so that origins and packages see the test's own calls only.
    pub async fn one_key_access(&self, gateway: &str, appid: &str) -> Business {
        self.attach(
            &format!("/gateways/{gateway}/one-key-access?link_test=false"),
            appid,
        )
        .await
    }

    /// As an operator does it, link test and all.
    pub async fn one_key_access_tested(&self, gateway: &str, appid: &str) -> Business {
        self.attach(&format!("/gateways/{gateway}/one-key-access"), appid)
            .await
    }

    async fn attach(&self, path: &str, appid: &str) -> Business {
        let body = json!({ "appid": appid });
        let answer = self.call(Method::POST, path, Some(&body)).await;
        assert_eq!(answer.status, 201, "one-key access: {}", answer.text());
        Business::from_document(answer.json())
    }

    /// As [`one_key_access`](Self::one_key_access), without waiting for another node to have it.
    pub async fn one_key_access_here(&self, gateway: &str, appid: &str) -> Business {
        let path = format!("/gateways/{gateway}/one-key-access?ack=local&link_test=false");
        Business::from_document(self.post(&path, Some(json!({ "appid": appid }))).await)
    }
}

fn accepted(path: &str, answer: Answer) -> Value {
    assert!(
        answer.status.is_success(),
        "{path}: {} {}",
        answer.status,
        answer.text()
    );
    if answer.body.is_empty() {
        Value::Null
    } else {
        answer.json()
    }
}

// === impl Business ===

impl Business {
    fn from_document(document: Value) -> Self {
        let text = |name: &str| {
            let value = document[name].as_str();
            value
                .unwrap_or_else(|| panic!("a business has `{name}`: {document}"))
                .to_owned()
        };
        Business {
            id: text("id"),
            access_domain: text("access_domain"),
            route_tag: text("route_tag"),
            document,
        }
    }
}
