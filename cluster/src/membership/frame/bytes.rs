//! What frames are made of, piece by piece.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Refusal;

/// Bytes that are read from the front.
pub(super) struct Bytes<'a>(pub &'a [u8]);

// === impl Bytes ===

impl<'a> Bytes<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Refusal> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Refusal::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Refusal::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub fn u8(&mut self) -> Result<u8, Refusal> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Result<u16, Refusal> {
        self.array().map(u16::from_le_bytes)
    }

    /// A number that must not be above [`super::NUMBER_MAX`].
    pub fn number(&mut self, otherwise: Refusal) -> Result<u64, Refusal> {
        let number = self.array().map(u64::from_le_bytes)?;
        match number <= super::NUMBER_MAX {
            true => Ok(number),
            false => Err(otherwise),
        }
    }

    /// A text; anything but UTF-8 is refused.
    pub fn text(&mut self, otherwise: Refusal) -> Result<&'a str, Refusal> {
        let length = self.u16()?;
        let bytes = self.take(usize::from(length))?;
        std::str::from_utf8(bytes).map_err(|_| otherwise)
    }

    pub fn address(&mut self) -> Result<SocketAddr, Refusal> {
        let ip: IpAddr = match self.u8()? {
            4 => Ipv4Addr::from(self.array::<4>()?).into(),
            6 => Ipv6Addr::from(self.array::<16>()?).into(),
            _ => return Err(Refusal::Address),
        };
        Ok(SocketAddr::new(ip, self.u16()?))
    }
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    // Every text that is read or published is bounded far below; a longer one is cut, never misread.
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend(length.to_le_bytes());
    out.extend(&text.as_bytes()[..usize::from(length)]);
}

pub(super) fn put_address(out: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => {
            out.push(4);
            out.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            out.push(6);
            out.extend(ip.octets());
        }
    }
    out.extend(address.port().to_le_bytes());
}
