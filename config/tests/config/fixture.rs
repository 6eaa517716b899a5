//! A configuration to begin with, and the way a change gets into it.

use serde_json::{Value, json};
use weir_config::object::{Business, PlatformVersion};
use weir_config::operation::{
    AgreementInput, AgreementTextInput, Change, Context, GatewayInput, MiniProgramInput,
    OneKeyInput, OneKeyOutcome, SpaceInput, accept_agreement, add_business, one_key_access,
    put_agreement_text, put_gateway, put_mini_program, put_space,
};
use weir_config::{Catalog, Hlc, Record, Refusal};

pub const APPID: &str = "wx0123456789abcdef";
pub const NOW_MS: u64 = 1_700_000_000_000;

/// A catalog and the clock of the node that writes it.
pub struct Cluster {
    pub catalog: Catalog,
    clock: Hlc,
}

pub fn context() -> Context {
    Context {
        now_ms: NOW_MS,
        random: *b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10",
        default_region: "shanghai".to_owned(),
    }
}

pub fn one_key_input() -> OneKeyInput {
    OneKeyInput {
        appid: APPID.to_owned(),
        region: None,
    }
}

/// A page with one server of its own and one by http.
pub fn web_input(id: &str) -> Value {
    json!({
        "type": "web", "id": id, "name": "Shop page",
        "origins": ["https://web.shop.example", "http://127.0.0.1:8900"],
        "cors": {"allowed_origins": ["https://shop.example"], "allow_credentials": true, "max_age_s": 60}
    })
}

pub fn gateway_input(space: &str) -> GatewayInput {
    GatewayInput {
        space: space.to_owned(),
        name: None,
        package: None,
        overflow: None,
    }
}

pub fn program(domains: &[&str]) -> MiniProgramInput {
    let mut input = MiniProgramInput {
        name: Some("Shop".to_owned()),
        request_domains: domains.iter().map(|d| (*d).to_owned()).collect(),
        ..MiniProgramInput::default()
    };
    input.versions.trial = Some(PlatformVersion {
        version: "1.4.2".to_owned(),
        qr_url: None,
    });
    input
}

// === impl Cluster ===

impl Cluster {
    pub fn empty() -> Self {
        Cluster {
            catalog: Catalog::default(),
            clock: Hlc::new("n1".parse().unwrap()),
        }
    }

    /// Space `acme` with its agreement, gateway `main`, and a mini program with two domains.
    pub fn ready() -> Self {
        let mut cluster = Cluster::empty();
        cluster.write(|c| put_space(c, "acme", SpaceInput::default()));
        cluster.accept("acme");
        cluster.write(|c| put_gateway(c, "main", gateway_input("acme")));
        cluster.write(|c| {
            put_mini_program(
                c,
                APPID,
                program(&["api.shop.example", "https://img.shop.example:8443"]),
            )
        });
        cluster
    }

    /// [`Cluster::ready`] with the mini program attached.
    pub fn attached() -> Self {
        let mut cluster = Cluster::ready();
        cluster.one_key("main").unwrap();
        cluster
    }

    /// [`Cluster::ready`] with a business for web, `shop-web`.
    pub fn with_web() -> Self {
        let mut cluster = Cluster::ready();
        let input = serde_json::from_value(web_input("shop-web")).unwrap();
        let (change, _) = add_business(&cluster.catalog, &context(), "main", input).unwrap();
        cluster.apply(change);
        cluster
    }

    /// Sets another text of the agreement, in force from now on.
    pub fn newer_agreement(&mut self, version: &str) {
        let input = AgreementTextInput {
            title: "Newer".to_owned(),
            text: "Other words".to_owned(),
            effective_at: None,
        };
        self.write(|c| put_agreement_text(c, &context(), version, input));
    }

    pub fn accept(&mut self, space: &str) {
        let input = AgreementInput {
            version: "1".to_owned(),
            accepted_by: "ann".to_owned(),
        };
        self.write(|c| accept_agreement(c, &context(), space, input));
    }

    pub fn one_key(&mut self, gateway: &str) -> Result<OneKeyOutcome, Refusal> {
        let outcome = one_key_access(&self.catalog, &context(), gateway, one_key_input())?;
        self.apply(outcome.change.clone());
        Ok(outcome)
    }

    pub fn write(&mut self, operation: impl FnOnce(&Catalog) -> Result<Change, Refusal>) {
        let change = operation(&self.catalog).expect("the operation is accepted");
        self.apply(change);
    }

    pub fn business(&self) -> &Business {
        self.catalog
            .business(APPID)
            .expect("the mini program is attached")
    }

    pub fn apply(&mut self, change: Change) {
        let puts = change
            .puts
            .into_iter()
            .map(|object| (object.key(), Some(object)));
        let deletes = change.deletes.into_iter().map(|key| (key, None));
        for (key, object) in puts.chain(deletes) {
            let record = Record {
                based_on: self.catalog.record(&key).map(|known| known.stamp.clone()),
                key,
                stamp: self.clock.tick(NOW_MS),
                author: "test".to_owned(),
                request: None,
                object,
            };
            assert!(self.catalog.merge(record));
        }
    }
}
