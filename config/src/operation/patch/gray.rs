use std::collections::BTreeSet;

use crate::object::Gray;
use crate::operation::field;
use crate::operation::patch::member::Field;
use crate::refusal::Refusal;

const SALT_MAX: usize = 64;
/// Most users taken in by name, and most taken out; most bytes of one name.
const USERS_MAX: usize = 1_000;
const USER_MAX: usize = 128;

pub(super) fn patch(gray: &mut Gray, field: &Field<'_>) -> Result<(), Refusal> {
    for member in field.members()? {
        match member.name {
            "percent" => gray.percent = percent(&member)?,
            "salt" => {
                let salt = member.text()?;
                if salt.len() > SALT_MAX || !salt.bytes().all(|b| b.is_ascii_graphic()) {
                    return Err(member.refuse(format!(
                        "A salt has at most {SALT_MAX} printable ASCII characters, no spaces."
                    )));
                }
                gray.salt = salt.to_owned();
            }
            "include" => gray.include = users(&member)?,
            "exclude" => gray.exclude = users(&member)?,
            _ => return Err(member.unknown("percent, salt, include, exclude")),
        }
    }
    match gray.include.intersection(&gray.exclude).next() {
        None => Ok(()),
        Some(user) => Err(field.refuse(format!(
            "User `{}` is in include and in exclude; name each user in one of them.",
            field::shown(user)
        ))),
    }
}

fn users(field: &Field<'_>) -> Result<BTreeSet<String>, Refusal> {
    if field.value.is_null() {
        return Ok(BTreeSet::new());
    }
    let items = field.items()?;
    if items.len() > USERS_MAX {
        return Err(field.refuse(format!(
            "{} users are given; at most {USERS_MAX} may be named. For more, raise gray.percent.",
            items.len()
        )));
    }
    let user = |item: &Field<'_>| {
        let user = item.text()?;
        user_name(&item.path, user)?;
        Ok(user.to_owned())
    };
    items.iter().map(user).collect()
}

/// Checks what a client may say in `x-wx-user`.
pub(in crate::operation) fn user_name(path: &str, user: &str) -> Result<(), Refusal> {
    if !user.is_empty() && user.len() <= USER_MAX && !user.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Refusal::invalid(
        path,
        format!(
            "A user is named as the client says it in x-wx-user: 1 to {USER_MAX} bytes, no control characters."
        ),
    ))
}

/// 0 to 100 with at most two decimals, so that it is a whole number of hundredths of a percent.
pub(super) fn percent(field: &Field<'_>) -> Result<f64, Refusal> {
    let wrong =
        || field.refuse("A percentage is a number from 0 to 100 with at most two decimals.");
    let percent = field.value.as_f64().ok_or_else(wrong)?;
    if !(0.0..=100.0).contains(&percent) {
        return Err(wrong());
    }
    let exact = (percent * 100.0).round() / 100.0;
    if exact == percent {
        Ok(exact.abs())
    } else {
        Err(wrong())
    }
}
