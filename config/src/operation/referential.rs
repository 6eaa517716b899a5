//! Whether an object can stand in a configuration: its own fields, and what it refers to. For whole documents
//! and for what comes back from history, where no single operation has checked it.

use std::collections::{BTreeSet, HashMap};

use crate::catalog::Catalog;
use crate::domain::Origin;
use crate::object::{Business, BusinessType, Gateway, Kind, Object, ObjectKey, Space};
use crate::operation::{
    agreement, alarm, elastic, field, gateway, mini_program, node, patch, region, schedule,
};
use crate::refusal::Refusal;

/// Most domains of its own a business may have: as many as a mini program may list.
const ATTACHED_MAX: usize = mini_program::REQUEST_DOMAINS_MAX;

/// A configuration as it will be, to be checked before it is.
pub(super) struct Outcome<'c> {
    catalog: &'c Catalog,
    /// As it is now. Domains attached to a business before stay legal when the platform no longer lists them.
    before: &'c Catalog,
    now_ms: u64,
    /// The businesses of each access label.
    labels: HashMap<&'c str, Vec<&'c str>>,
}

// === impl Outcome ===

impl<'c> Outcome<'c> {
    pub(super) fn new(before: &'c Catalog, catalog: &'c Catalog, now_ms: u64) -> Self {
        let mut labels: HashMap<&str, Vec<&str>> = HashMap::new();
        for business in catalog.businesses() {
            let of_label = labels.entry(&business.access_label).or_default();
            of_label.push(&business.id);
        }
        Outcome {
            catalog,
            before,
            now_ms,
            labels,
        }
    }

    /// Checks an object of it.
    ///
    /// # Errors
    /// `invalid` or `reference_missing` (422), `access_label_taken` (409), with the field's path in the object.
    pub(super) fn check(&self, object: &Object) -> Result<(), Refusal> {
        match object {
            Object::Space(space) => check_space(self.catalog, space),
            Object::MiniProgram(program) => mini_program::check(program),
            Object::Gateway(gateway) => check_gateway(self.catalog, gateway),
            Object::Business(business) => self.check_business(business),
            Object::Region(region) => region::check(region),
            Object::Token(token) => field::slug("id", &token.id),
            Object::AgreementText(text) => agreement::check_text(text),
            Object::Schedule(schedule) => schedule::check(self.catalog, schedule),
            Object::Alarm(alarm) => alarm::check(self.catalog, alarm),
            Object::AlarmReceiver(receiver) => alarm::check_receiver(receiver),
            // Made by nodes, and sealed.
            Object::PlatformSecret(_) => Ok(()),
            Object::Node(known) => node::check_node(known),
            Object::Authority(authority) => node::check_authority(authority),
        }
    }

    /// Checks that what was right before still is, though what it refers to is touched.
    ///
    /// # Errors
    /// `still_in_use` (409), which names the object that would be left without what it refers to.
    pub(super) fn check_rest(&self, touched: &BTreeSet<ObjectKey>) -> Result<(), Refusal> {
        let now = Outcome::new(self.before, self.before, self.now_ms);
        for record in self.catalog.records() {
            let Some(object) = &record.object else {
                continue;
            };
            let concerned = !touched.contains(&record.key) && self.refers_to(object, touched);
            if !concerned || now.check(object).is_err() {
                continue;
            }
            self.check(object).map_err(|refusal| {
                let key = &record.key;
                let detail = format!(
                    "{key} would be left without what it needs: {} Delete or change it too, or keep what it \
                     refers to.",
                    refusal.detail
                );
                Refusal::conflict("still_in_use", detail).at(&key.to_string())
            })?;
        }
        Ok(())
    }

    fn refers_to(&self, object: &Object, touched: &BTreeSet<ObjectKey>) -> bool {
        let is_touched = |kind, id: &str| touched.contains(&ObjectKey::new(kind, id));
        let of_program = |appid: &String| is_touched(Kind::MiniProgram, appid);
        match object {
            Object::Space(space) => space.mini_programs.iter().any(of_program),
            Object::Gateway(gateway) => is_touched(Kind::Space, &gateway.space),
            Object::Business(business) => {
                let gateway = self.before.gateway(&business.gateway);
                is_touched(Kind::Gateway, &business.gateway)
                    || gateway.is_some_and(|gateway| is_touched(Kind::Space, &gateway.space))
                    || of_program(&business.appid)
                    || is_touched(Kind::Region, &business.region)
            }
            Object::MiniProgram(_)
            | Object::Region(_)
            | Object::Token(_)
            | Object::AgreementText(_)
            | Object::Schedule(_)
            | Object::PlatformSecret(_)
            | Object::Node(_)
            | Object::Authority(_)
            | Object::AlarmReceiver(_) => false,
            Object::Alarm(alarm) => {
                let of =
                    |kind, id: &Option<String>| id.as_ref().is_some_and(|id| is_touched(kind, id));
                of(Kind::Gateway, &alarm.scope.gateway) || of(Kind::Business, &alarm.scope.business)
            }
        }
    }

    fn check_business(&self, business: &Business) -> Result<(), Refusal> {
        exists(self.catalog, "gateway", Kind::Gateway, &business.gateway)?;
        match business.business_type {
            BusinessType::MiniProgram => field::appid("id", &business.id)
                .and_then(|()| exists(self.catalog, "id", Kind::MiniProgram, &business.id))?,
            BusinessType::Web | BusinessType::App => field::slug("id", &business.id)?,
        }
        self.check_space_of(business)?;
        if business.appid != business.id {
            return Err(Refusal::invalid(
                "appid",
                format!(
                    "It has to be the business's id, `{}`.",
                    field::shown(&business.id)
                ),
            ));
        }
        self.check_label(business)?;
        check_attached(self.catalog, self.before, business)?;
        region::known(self.catalog, "region", &business.region)?;
        patch::check(self.catalog, business)
    }

    /// A business needs its space's agreement, and a mini program the space's authorisation.
    fn check_space_of(&self, business: &Business) -> Result<(), Refusal> {
        let Some(gateway) = self.catalog.gateway(&business.gateway) else {
            return Ok(()); // Told of already.
        };
        let Some(space) = self.catalog.space(&gateway.space) else {
            return Ok(()); // The gateway's own fault, and told of it.
        };
        let of_platform = business.business_type == BusinessType::MiniProgram;
        let missing = if space.agreement.is_none() {
            "has not accepted the service agreement"
        } else if of_platform && !space.mini_programs.contains(&business.id) {
            "does not list this mini program among those authorised to it (mini_programs)"
        } else {
            // What is attached stays, whatever text comes into force; what moves in with its space, too.
            let attached_now = self.before.business(&business.id).is_none()
                && self.before.space(&gateway.space).is_some();
            return match attached_now {
                true => agreement::agreed_space(self.catalog, self.now_ms, gateway).map(drop),
                false => Ok(()),
            };
        };
        Err(Refusal::invalid(
            "gateway",
            format!(
                "Space `{}`, which gateway `{}` belongs to, {missing}.",
                space.id, business.gateway
            ),
        ))
    }

    fn check_label(&self, business: &Business) -> Result<(), Refusal> {
        let label = business.access_label.as_str();
        field::slug("access_label", label)?;
        let mut same = self.labels.get(label).into_iter().flatten();
        match same.find(|other| **other != business.id) {
            None => Ok(()),
            Some(other) => Err(Refusal::conflict(
                "access_label_taken",
                format!(
                    "Access label `{label}` is that of business `{other}`, and an access domain leads to one \
                     business only. Give one of them another."
                ),
            )
            .at("access_label")),
        }
    }
}

fn check_space(catalog: &Catalog, space: &Space) -> Result<(), Refusal> {
    field::slug("id", &space.id)?;
    field::name("name", &space.name)?;
    if let Some(agreement) = &space.agreement {
        field::text("agreement.version", &agreement.version)?;
        field::text("agreement.accepted_by", &agreement.accepted_by)?;
    }
    for (i, agreement) in space.acceptances.iter().enumerate() {
        field::text(&format!("acceptances[{i}].version"), &agreement.version)?;
        field::text(
            &format!("acceptances[{i}].accepted_by"),
            &agreement.accepted_by,
        )?;
    }
    for (i, appid) in space.mini_programs.iter().enumerate() {
        exists(
            catalog,
            &format!("mini_programs[{i}]"),
            Kind::MiniProgram,
            appid,
        )?;
    }
    Ok(())
}

fn check_gateway(catalog: &Catalog, gateway: &Gateway) -> Result<(), Refusal> {
    field::slug("id", &gateway.id)?;
    field::name("name", &gateway.name)?;
    gateway::check_package(&gateway.package)?;
    elastic::check_packs(&gateway.elastic_packs)?;
    exists(catalog, "space", Kind::Space, &gateway.space)
}

fn check_attached(catalog: &Catalog, before: &Catalog, business: &Business) -> Result<(), Refusal> {
    let attached = &business.attached_domains;
    if attached.len() > ATTACHED_MAX {
        return Err(Refusal::invalid(
            "attached_domains",
            format!(
                "{} domains are attached; a business may have at most {ATTACHED_MAX}.",
                attached.len()
            ),
        ));
    }
    let listed = catalog.mini_program(&business.id);
    let listed = listed
        .into_iter()
        .flat_map(|program| &program.request_domains);
    let known = before.business(&business.id);
    let known = known
        .into_iter()
        .flat_map(|business| &business.attached_domains);
    let legal: Vec<Origin> = listed
        .chain(known.map(|domain| &domain.0))
        .filter_map(|text| Origin::parse(text).ok())
        .collect();
    let mut seen = BTreeSet::new();
    for (i, domain) in attached.iter().enumerate() {
        let path = format!("attached_domains[{i}]");
        let origin = field::domain(&path, &domain.0)?;
        let of_platform = business.business_type == BusinessType::MiniProgram;
        if of_platform && !legal.contains(&origin) {
            return Err(Refusal::invalid(
                path,
                format!(
                    "`{origin}` is not a legal domain of mini program `{}`: add it to its request_domains.",
                    business.id
                ),
            ));
        }
        if !seen.insert(origin.to_string()) {
            return Err(Refusal::invalid(
                path,
                format!("`{origin}` is listed twice; list it once."),
            ));
        }
    }
    Ok(())
}

fn exists(catalog: &Catalog, path: &str, kind: Kind, id: &str) -> Result<(), Refusal> {
    if catalog.object(&ObjectKey::new(kind, id)).is_some() {
        return Ok(());
    }
    let kind = kind.as_str().replace('_', " ");
    let mut refusal = Refusal::invalid(
        path,
        format!(
            "There is no {kind} `{}`: create or restore it first, or name another.",
            field::shown(id)
        ),
    );
    refusal.code = "reference_missing";
    Err(refusal)
}
