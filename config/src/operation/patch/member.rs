//! Reading a patch: every value knows its path, so that a refusal can name it.

use serde_json::Value;

use crate::operation::field;
use crate::refusal::Refusal;

/// One value of the patch, its own name, and the path to it.
pub(super) struct Field<'p> {
    pub(super) name: &'p str,
    pub(super) path: String,
    pub(super) value: &'p Value,
}

// === impl Field ===

impl<'p> Field<'p> {
    pub(super) fn root(value: &'p Value) -> Self {
        Field {
            name: "",
            path: String::new(),
            value,
        }
    }

    pub(super) fn members(&self) -> Result<Vec<Field<'p>>, Refusal> {
        let Value::Object(members) = self.value else {
            return Err(self.refuse("It must be a JSON object."));
        };
        let member = |(name, value): (&'p String, &'p Value)| Field {
            name,
            path: self.member_path(name),
            value,
        };
        Ok(members.iter().map(member).collect())
    }

    pub(super) fn items(&self) -> Result<Vec<Field<'p>>, Refusal> {
        let Value::Array(items) = self.value else {
            return Err(self.refuse("It must be a JSON array."));
        };
        let item = |(i, value)| Field {
            name: self.name,
            path: format!("{}[{i}]", self.path),
            value,
        };
        Ok(items.iter().enumerate().map(item).collect())
    }

    pub(super) fn text(&self) -> Result<&'p str, Refusal> {
        self.value
            .as_str()
            .ok_or_else(|| self.refuse("It must be a string."))
    }

    pub(super) fn boolean(&self) -> Result<bool, Refusal> {
        self.value
            .as_bool()
            .ok_or_else(|| self.refuse("It must be true or false."))
    }

    pub(super) fn whole_number(
        &self,
        range: std::ops::RangeInclusive<u32>,
        unit: &str,
    ) -> Result<u32, Refusal> {
        let number = self.value.as_u64().and_then(|n| u32::try_from(n).ok());
        number.filter(|n| range.contains(n)).ok_or_else(|| {
            self.refuse(format!(
                "It must be a whole number of {unit}, {} to {}.",
                range.start(),
                range.end()
            ))
        })
    }

    /// `None` for null.
    pub(super) fn optional<T>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, Refusal>,
    ) -> Result<Option<T>, Refusal> {
        if self.value.is_null() {
            return Ok(None);
        }
        read(self).map(Some)
    }

    /// A name for people; null takes it away.
    pub(super) fn name_or_none(&self) -> Result<String, Refusal> {
        if self.value.is_null() {
            return Ok(String::new());
        }
        let text = self.text()?;
        field::name(&self.path, text)?;
        Ok(text.to_owned())
    }

    fn member_path(&self, name: &str) -> String {
        if self.path.is_empty() {
            field::shown(name)
        } else {
            format!("{}.{}", self.path, field::shown(name))
        }
    }

    pub(super) fn refuse(&self, detail: impl Into<String>) -> Refusal {
        let mut refusal = Refusal::invalid(&self.path, detail);
        refusal.field = refusal.field.filter(|path| !path.is_empty());
        refusal
    }

    pub(super) fn member_refusal(&self, name: &str, detail: &str) -> Refusal {
        Refusal::invalid(self.member_path(name), detail)
    }

    pub(super) fn unknown(&self, known: &str) -> Refusal {
        self.refuse(format!(
            "There is no field `{}` here. The fields are: {known}.",
            field::shown(self.name)
        ))
    }
}
