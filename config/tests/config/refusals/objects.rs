//! Spaces, agreements, mini programs, regions, gateways, tokens.

use serde_json::{Value, json};

use super::{Row, conflict, invalid, not_found};
use crate::fixture::{APPID, Cluster, context, gateway_input, program};
use weir_config::Catalog;
use weir_config::object::{Package, PackageName, PlatformProvider, Region};
use weir_config::operation::{
    self, AgreementInput, AgreementTextInput, Change, Context, PlatformReading, RegionInput,
    SpaceInput, accept_agreement, authorize, create_token, delete_region, put_agreement_text,
    put_gateway, put_mini_program, put_platform_reading, put_region, put_space,
};
use weir_config::{Object, Refusal};

fn accept(catalog: &Catalog, space: &str, version: &str, by: &str) -> Result<Change, Refusal> {
    let input = AgreementInput {
        version: version.to_owned(),
        accepted_by: by.to_owned(),
    };
    accept_agreement(catalog, &context(), space, input)
}

fn text(catalog: &Catalog, version: &str, title: &str, text: &str) -> Result<Change, Refusal> {
    let input = AgreementTextInput {
        title: title.to_owned(),
        text: text.to_owned(),
        effective_at: None,
    };
    put_agreement_text(catalog, &context(), version, input)
}

fn region(catalog: &Catalog, id: &str, input: Value) -> Result<Change, Refusal> {
    put_region(
        catalog,
        id,
        serde_json::from_value::<RegionInput>(input).unwrap(),
    )
}

fn gateway(catalog: &Catalog, input: Value) -> Result<Change, Refusal> {
    put_gateway(catalog, "new", serde_json::from_value(input).unwrap())
}

fn mini_program(catalog: &Catalog, input: Value) -> Result<Change, Refusal> {
    put_mini_program(catalog, APPID, serde_json::from_value(input).unwrap())
}

pub fn rows() -> Vec<Row> {
    let mut rows = spaces();
    rows.extend(platform());
    rows.push(invalid(
        "sealed",
        operation::put_platform_secret(&context(), "ticket", ""),
    ));
    rows.extend(regions());
    rows.extend(gateways());
    rows
}

fn spaces() -> Vec<Row> {
    let attached = Cluster::attached();
    let c = &attached.catalog;
    let wechat = SpaceInput {
        platform: Some(PlatformProvider::Wechat),
        ..SpaceInput::default()
    };
    let mut full = Cluster::ready();
    for i in 0..999 {
        full.write(|c| accept(c, "acme", "1", &format!("user-{i}")));
    }
    vec![
        invalid("space", put_space(c, "A_b", SpaceInput::default())),
        conflict("platform_in_use", put_space(c, "acme", wechat)),
        not_found(accept(c, "none", "1", "ann")),
        invalid("version", accept(c, "acme", " ", "ann")),
        invalid("accepted_by", accept(c, "acme", "1", "")),
        Row::new(
            422,
            "unknown_agreement",
            Some("version"),
            accept(c, "acme", "2026-01", "ann"),
        ),
        invalid(
            "accepted_by",
            accept(&full.catalog, "acme", "1", "one too many"),
        ),
        invalid("id", text(c, "v 2", "Title", "Text")),
        invalid("title", text(c, "2", "", "Text")),
        invalid("text", text(c, "2", "Title", " \n")),
        invalid("effective_at", {
            let input = AgreementTextInput {
                title: "Title".to_owned(),
                text: "Text".to_owned(),
                effective_at: Some("soon".to_owned()),
            };
            put_agreement_text(c, &context(), "2", input)
        }),
        conflict("agreement_accepted", text(c, "1", "Title", "Other words")),
        not_found(authorize(c, "acme", "wxffffffffffffffff")),
        invalid("appid", authorize(c, "acme", "shop")),
        invalid("sha256", create_token(&context(), "admin", "secret")),
    ]
}

fn platform() -> Vec<Row> {
    let ready = Cluster::ready();
    let c = &ready.catalog;
    let domains: Vec<String> = (0..201).map(|i| format!("d{i}.example")).collect();
    let mut read = Cluster::ready();
    let reading = PlatformReading {
        source: PlatformProvider::Wechat,
        ..PlatformReading::default()
    };
    read.write(|c| put_platform_reading(c, &context(), APPID, Ok(reading)));
    vec![
        invalid(
            "request_domains",
            mini_program(c, json!({ "request_domains": domains })),
        ),
        invalid(
            "request_domains[0]",
            mini_program(c, json!({"request_domains": ["*.example"]})),
        ),
        invalid(
            "request_domains[1]",
            mini_program(
                c,
                json!({"request_domains": ["a.example", "https://A.example"]}),
            ),
        ),
        invalid(
            "versions.trial",
            mini_program(c, json!({"versions": {"trial": ""}})),
        ),
        invalid(
            "versions.trial.qr_url",
            mini_program(
                c,
                json!({"versions": {"trial": {"version": "1", "qr_url": ""}}}),
            ),
        ),
        conflict(
            "platform_read_only",
            put_mini_program(&read.catalog, APPID, program(&[])),
        ),
        not_found(put_platform_reading(
            c,
            &context(),
            "wxffffffffffffffff",
            Err("it did not answer.".to_owned()),
        )),
    ]
}

fn regions() -> Vec<Row> {
    let attached = Cluster::attached();
    let c = &attached.catalog;
    let mut last = Cluster::empty();
    last.write(|c| delete_region(c, "shenzhen"));
    last.write(|c| delete_region(c, "tianjin"));
    let many = (0..201).map(|i| (format!("r{i}"), 1));
    let far = Region {
        id: "far".to_owned(),
        distances: many.collect(),
        ..Region::default()
    };
    let document = |region: &Region| {
        let document = json!({"regions": [region]});
        let document = operation::document::Document::read(&document)?;
        operation::document::plan(c, context().now_ms, &document, false)
    };
    vec![
        invalid("region", region(c, "Mars", json!({}))),
        invalid(
            "distances.mars",
            region(c, "beijing", json!({"distances": {"mars": 1}})),
        ),
        invalid(
            "distances.shanghai",
            region(c, "shanghai", json!({"distances": {"shanghai": 1}})),
        ),
        invalid(
            "distances.tianjin",
            region(c, "beijing", json!({"distances": {"tianjin": 1_000_001}})),
        ),
        invalid("regions[0].distances", document(&far)),
        not_found(delete_region(c, "mars")),
        conflict("region_in_use", delete_region(c, "shanghai")),
        conflict("last_region", delete_region(&last.catalog, "shanghai")),
    ]
}

fn gateways() -> Vec<Row> {
    let mut attached = Cluster::attached();
    attached.write(|c| put_space(c, "other", SpaceInput::default()));
    let c = &attached.catalog;
    let package = |package: Value| gateway(c, json!({"space": "acme", "package": package}));
    vec![
        invalid("space", gateway(c, json!({"space": "none"}))),
        conflict(
            "gateway_in_use",
            put_gateway(c, "main", gateway_input("other")),
        ),
        invalid("package.bandwidth_bps", package(json!({"name": "custom"}))),
        invalid(
            "package.bandwidth_bps",
            package(json!({"bandwidth_bps": 7})),
        ),
        invalid("package.qps", package(json!({"name": "entry", "qps": 1}))),
        not_found(operation::one_key_access(
            c,
            &Context { ..context() },
            "none",
            crate::fixture::one_key_input(),
        )),
        invalid("package.qps", {
            let mut bent = attached.catalog.gateway("main").unwrap().clone();
            bent.package = Package::named(PackageName::Entry).unwrap();
            bent.package.qps = None;
            let mut earlier = Cluster::attached();
            earlier.apply(Change::put(Object::Gateway(bent)));
            let key = "gateway/main".parse().unwrap();
            let record = earlier.catalog.record(&key).unwrap().clone();
            operation::restore(&Cluster::attached().catalog, context().now_ms, &record)
        }),
    ]
}
