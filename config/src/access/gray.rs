//! Gray: which users of the online version are on the link (`CONTRACT.md` 2).

use sha2::{Digest, Sha256};

/// All users, in hundredths of a percent.
pub(super) const EVERYONE: u32 = 10_000;

/// Whether a user is among the share. The same user always gets the same answer, and stays in when the share
/// grows. A call that names no user is in only where everyone is.
pub(super) fn is_in(basis_points: u32, salt: &str, user: Option<&str>) -> bool {
    if basis_points >= EVERYONE {
        return true;
    }
    match user {
        None | Some("") => false,
        Some(user) => {
            // hash / 2^32 < basis_points / 10,000, in whole numbers: every implementation draws the same line.
            let hash = u64::from(hash(salt, user));
            hash * u64::from(EVERYONE) < u64::from(basis_points) << 32
        }
    }
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
    fn the_share_of_many_users_is_the_one_that_was_set() {
        let in_share = |i: &u32| is_in(2_500, "s", Some(&format!("user-{i}")));
        let count = (0..20_000).filter(in_share).count();
        assert!((4_800..=5_200).contains(&count), "{count} of 20000 at 25 %");
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
