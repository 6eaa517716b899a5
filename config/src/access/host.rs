//! Host names of access domains: `<label>.<region>.<base domain>`, as `Host` and `:authority` carry them.

/// Label and region of an access domain, in the case they were sent in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct AccessHost<'h> {
    pub(super) label: &'h str,
    pub(super) region: &'h str,
}

// === impl AccessHost ===

impl<'h> AccessHost<'h> {
    /// Reads a host in any case, with or without port and trailing dot. `None` where it does not end in the
    /// base domain or has not two labels before it.
    pub(super) fn read(host: &'h str, base_domain: &str) -> Option<Self> {
        let name = without_port(host)?;
        let name = name.strip_suffix('.').unwrap_or(name);
        let start = name.len().checked_sub(base_domain.len())?;
        let (ours, base) = (name.get(..start)?, name.get(start..)?);
        if !base.eq_ignore_ascii_case(base_domain) {
            return None;
        }
        let (label, region) = ours.strip_suffix('.')?.split_once('.')?;
        let whole = !label.is_empty() && !region.is_empty() && !region.contains('.');
        whole.then_some(AccessHost { label, region })
    }
}

/// The host of `host[:port]`. RFC 3986 section 3.2.2 allows an empty port.
fn without_port(host: &str) -> Option<&str> {
    match host.split_once(':') {
        None => Some(host),
        Some((name, "")) => Some(name),
        Some((name, port)) => {
            let digits = port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
            let in_range = digits && port.parse::<u16>().is_ok();
            in_range.then_some(name)
        }
    }
}
