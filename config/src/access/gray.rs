//! Gray: which users of the online version are on the link (`CONTRACT.md` 2).

use sha2::{Digest, Sha256};

use crate::object::Gray;

/// All users, in hundredths of a percent.
pub(super) const EVERYONE: u32 = 10_000;

/// Whether a user of the online version is on the link: those taken out are not, those taken in are, and of the
/// rest the share.
pub(super) fn is_on_link(gray: &Gray, user: Option<&str>) -> bool {
    let user = user.filter(|user| !user.is_empty());
    match user {
        Some(user) if gray.exclude.contains(user) => false,
        Some(user) if gray.include.contains(user) => true,
        _ => is_in(gray.basis_points(), &gray.salt, user),
    }
}

/// Whether a user is among the share. The same user always gets the same answer, and stays in when the share
/// grows. A call that names no user is in only where everyone is.
pub(super) fn is_in(basis_points: u32, salt: &str, user: Option<&str>) -> bool {
    if basis_points >= EVERYONE {
        return true;
    }
    match user {
        None | Some("") => false,
        Some(user) => is_below(hash(salt, user), basis_points),
    }
}

/// hash / 2^32 < basis_points / 10,000, in whole numbers: every implementation draws the same line.
fn is_below(hash: u32, basis_points: u32) -> bool {
    u64::from(hash) * u64::from(EVERYONE) < u64::from(basis_points) << 32
}

/// First four bytes, big-endian, of SHA-256 over the salt followed by the user.
fn hash(salt: &str, user: &str) -> u32 {
    let digest = Sha256::new()
        .chain_update(salt)
        .chain_update(user)
        .finalize();
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_share_keeps_everyone_who_was_in() {
        for user in (0..1_000).map(|i| format!("user-{i}")) {
            let mut was_in = false;
            for basis_points in [0, 1, 50, 1_000, 5_000, 9_999, 10_000] {
                let is_in = is_in(basis_points, "salt", Some(&user));
                assert!(is_in || !was_in, "{user} fell out at {basis_points}");
                was_in = is_in;
            }
            assert!(was_in);
        }
    }

    #[test]
    fn of_a_million_users_the_share_is_exact_and_raising_it_moves_nobody_out() {
        const USERS: u32 = 1_000_000;
        const SHARES: [u32; 6] = [100, 500, 1_000, 2_000, 3_700, 9_900];
        let mut counts = [0_u32; SHARES.len()];
        for i in 0..USERS {
            let user = i.to_string();
            let hash = hash("salt", &user);
            let is_in = SHARES.map(|share| is_below(hash, share));
            // In at a share is in at every greater one.
            assert!(
                is_in.is_sorted(),
                "user {i} is in at a share and out at a greater one"
            );
            for (count, is_in) in counts.iter_mut().zip(is_in) {
                *count += u32::from(is_in);
            }
        }
        for (share, count) in SHARES.into_iter().zip(counts) {
            let (percent, asked) = (
                f64::from(count) * 100.0 / f64::from(USERS),
                f64::from(share) / 100.0,
            );
            assert!(
                (percent - asked).abs() < 0.2,
                "{percent} % of users at {asked} %"
            );
        }
    }

    #[test]
    fn who_is_named_is_in_or_out_whatever_the_share() {
        let named = |percent| Gray {
            percent,
            salt: "s".to_owned(),
            include: ["ann".to_owned()].into(),
            exclude: ["eve".to_owned()].into(),
        };
        for percent in [0.0, 50.0, 100.0] {
            assert!(is_on_link(&named(percent), Some("ann")));
            assert!(!is_on_link(&named(percent), Some("eve")));
        }
        assert!(is_on_link(&named(100.0), None) && !is_on_link(&named(0.0), None));
    }

    #[test]
    fn another_salt_draws_other_users() {
        let users: Vec<String> = (0..1_000).map(|i| format!("user-{i}")).collect();
        let drawn = |salt| {
            users
                .iter()
                .filter(move |user| is_in(1_000, salt, Some(user)))
        };
        let both = drawn("a")
            .filter(|user| is_in(1_000, "b", Some(user)))
            .count();
        assert!(
            both < drawn("a").count() / 2,
            "{both} users are in both draws"
        );
    }
}
