//! Watches the raw bytes of an HTTP/1.1 connection and stops at a head that is not to be trusted.
//!
//! hyper accepts what two parties could read differently (both lengths, and takes one of them away), so
//! the head is judged before hyper sees it (RFC 9112 section 6.3, 11.2). A pure state machine: any split of the
//! same bytes gives the same verdict. It follows bodies too, by their length or their chunks, to know where the
//! next head begins.

/// Why a connection's bytes are not passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadHead {
    /// Larger than the limit, in bytes or in headers.
    TooLarge,
    Malformed(&'static str),
}

/// How large a head may be.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Request line, headers and the empty line, each with its line end.
    pub bytes: usize,
    pub headers: usize,
}

/// The state between two reads.
#[derive(Clone, Debug)]
pub struct HeadGuard {
    limits: HeadLimits,
    at: At,
    head: Head,
    heads: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// Before a request line; empty lines there are allowed (RFC 9112 section 2.2).
    Between,
    BetweenLineEnd,
    RequestLine,
    LineStart,
    Name,
    Value,
    LineEnd(Line),
    Body(u64),
    ChunkSize {
        size: u64,
        digits: u8,
    },
    ChunkExtension(u64),
    ChunkSizeEnd(u64),
    Chunk(u64),
    ChunkEnd,
    ChunkLineEnd,
    TrailerStart,
    Trailer,
    TrailerEnd,
    LastLineEnd,
}

/// Which line a CR was the end of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Line {
    Request,
    Header,
    Last,
}

/// What is known of the head under way.
#[derive(Clone, Debug, Default)]
struct Head {
    bytes: usize,
    headers: usize,
    name: Kept<17>,
    value: Kept<20>,
    wanted: Wanted,
    content_length: Option<u64>,
    chunked: bool,
}

/// The header whose value is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Wanted {
    #[default]
    None,
    ContentLength,
    TransferEncoding,
}

/// The first bytes of a text, in lower case. One that is longer than there is room equals nothing.
#[derive(Clone, Debug)]
struct Kept<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

/// A chunk's size line with its extensions, and all trailers, may have this many bytes.
const MAX_CHUNK_LINE: usize = 4 * 1024;

// === impl Kept ===

impl<const N: usize> Default for Kept<N> {
    fn default() -> Self {
        Kept {
            bytes: [0; N],
            len: 0,
        }
    }
}

impl<const N: usize> Kept<N> {
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte.to_ascii_lowercase();
        }
        self.len += 1;
    }

    fn text(&self) -> Option<&[u8]> {
        self.bytes.get(..self.len)
    }
}

// === impl HeadGuard ===

impl HeadGuard {
    pub fn new(limits: HeadLimits) -> Self {
        HeadGuard {
            limits,
            at: At::Between,
            head: Head::default(),
            heads: 0,
        }
    }

    /// Whether a head has begun and not ended: the time it takes is limited.
    pub fn in_head(&self) -> bool {
        use At::*;
        matches!(
            self.at,
            BetweenLineEnd | RequestLine | LineStart | Name | Value | LineEnd(_)
        )
    }

    /// Whether the bytes of a request are still missing.
    pub fn mid_message(&self) -> bool {
        self.at != At::Between
    }

    /// Whole heads so far.
    pub fn heads(&self) -> u32 {
        self.heads
    }

    /// Takes the next bytes. An error says why, and at which of them it was found; nothing is to be fed
    /// after it.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), (usize, BadHead)> {
        let mut next = 0;
        while next < bytes.len() {
            next += match self.skip(&bytes[next..]) {
                0 => {
                    self.byte(bytes[next]).map_err(|bad| (next, bad))?;
                    1
                }
                skipped => skipped,
            };
        }
        Ok(())
    }

    /// Takes at once what needs no look: bodies, and all but the line ends of other headers' values.
    fn skip(&mut self, bytes: &[u8]) -> usize {
        let room = self.limits.bytes.saturating_sub(self.head.bytes);
        let line_end = || {
            let bytes = &bytes[..bytes.len().min(room)];
            let ends = |&b: &u8| b == b'\r' || b == b'\n' || b == 0;
            bytes.iter().position(ends).unwrap_or(bytes.len())
        };
        match &mut self.at {
            At::Body(left) | At::Chunk(left) => {
                let skipped = bytes
                    .len()
                    .min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= skipped as u64;
                match self.at {
                    At::Body(0) => self.at = At::Between,
                    At::Chunk(0) => self.at = At::ChunkEnd,
                    _ => {}
                }
                skipped
            }
            At::RequestLine => self.count(line_end()),
            At::Value if self.head.wanted == Wanted::None => self.count(line_end()),
            _ => 0,
        }
    }

    fn count(&mut self, skipped: usize) -> usize {
        self.head.bytes += skipped;
        skipped
    }

    fn byte(&mut self, byte: u8) -> Result<(), BadHead> {
        if self.in_head() {
            self.head.bytes += 1;
            if self.head.bytes > self.limits.bytes {
                return Err(BadHead::TooLarge);
            }
        }
        self.at = match (self.at, byte) {
            (At::Between, b'\r') => At::BetweenLineEnd,
            (At::BetweenLineEnd, b'\n') => {
                self.head = Head::default();
                At::Between
            }
            (At::Between, _) if !is_token(byte) => {
                return bad("the request line does not begin with a method");
            }
            (At::Between, _) => {
                self.head = Head {
                    bytes: 1,
                    ..Head::default()
                };
                At::RequestLine
            }
            (At::RequestLine, b'\r') => At::LineEnd(Line::Request),
            (At::LineStart, b'\r') => At::LineEnd(Line::Last),
            (At::Value, b'\r') => At::LineEnd(Line::Header),
            (At::LineEnd(Line::Last), b'\n') => self.head_end()?,
            (At::LineEnd(line), b'\n') => {
                if line == Line::Header {
                    self.header_end()?;
                }
                At::LineStart
            }
            (At::LineStart | At::Name, _) => self.name_byte(byte)?,
            (At::Value, b'\n' | 0)
            | (At::RequestLine, b'\n' | 0)
            | (At::LineEnd(_) | At::BetweenLineEnd, _) => {
                return bad("a line ends otherwise than with CR LF");
            }
            (At::Value, _) => {
                self.head.value.push(byte);
                At::Value
            }
            (At::RequestLine, _) => At::RequestLine,
            (at, byte) => self.body_byte(at, byte)?,
        };
        Ok(())
    }

    fn name_byte(&mut self, byte: u8) -> Result<At, BadHead> {
        if self.at == At::LineStart {
            self.head.headers += 1;
            if self.head.headers > self.limits.headers {
                return Err(BadHead::TooLarge);
            }
            self.head.name = Kept::default();
        }
        match byte {
            b':' if self.at == At::Name => {
                self.head.wanted = match self.head.name.text() {
                    Some(b"content-length") => Wanted::ContentLength,
                    Some(b"transfer-encoding") => Wanted::TransferEncoding,
                    _ => Wanted::None,
                };
                self.head.value = Kept::default();
                Ok(At::Value)
            }
            _ if is_token(byte) => {
                self.head.name.push(byte);
                Ok(At::Name)
            }
            _ => bad("a header name has a character that names cannot have"),
        }
    }

    fn header_end(&mut self) -> Result<(), BadHead> {
        let head = &mut self.head;
        let value = head.value.text().map(<[u8]>::trim_ascii);
        match head.wanted {
            Wanted::None => {}
            Wanted::ContentLength if head.content_length.is_some() => {
                return bad("content-length is there twice");
            }
            Wanted::ContentLength => head.content_length = Some(length(value)?),
            Wanted::TransferEncoding if head.chunked => {
                return bad("transfer-encoding is there twice");
            }
            Wanted::TransferEncoding if value == Some(b"chunked") => head.chunked = true,
            Wanted::TransferEncoding => return bad("transfer-encoding is not exactly `chunked`"),
        }
        Ok(())
    }

    fn head_end(&mut self) -> Result<At, BadHead> {
        self.heads = self.heads.wrapping_add(1);
        match (self.head.content_length, self.head.chunked) {
            (Some(_), true) => bad("content-length and transfer-encoding are both there"),
            (None, true) => Ok(At::ChunkSize { size: 0, digits: 0 }),
            (None | Some(0), false) => Ok(At::Between),
            (Some(length), false) => Ok(At::Body(length)),
        }
    }

    /// Chunks: RFC 9112 section 7.1.
    fn body_byte(&mut self, at: At, byte: u8) -> Result<At, BadHead> {
        self.head.bytes = match at {
            At::ChunkSize { digits: 0, .. } => 0,
            _ => self.head.bytes + 1,
        };
        if self.head.bytes > MAX_CHUNK_LINE {
            return bad("a chunk's size line or the trailers are too long");
        }
        match (at, byte) {
            (At::ChunkSize { size, digits: 1.. }, b'\r') => Ok(At::ChunkSizeEnd(size)),
            (At::ChunkSize { size, digits: 1.. }, b';' | b' ' | b'\t') => {
                Ok(At::ChunkExtension(size))
            }
            (At::ChunkSize { size, digits }, _) => match (byte as char).to_digit(16) {
                Some(digit) if digits < 16 => Ok(At::ChunkSize {
                    size: size << 4 | u64::from(digit),
                    digits: digits + 1,
                }),
                _ => bad("a chunk's size is not a hexadecimal number"),
            },
            (At::ChunkExtension(size), b'\r') => Ok(At::ChunkSizeEnd(size)),
            (At::ChunkExtension(size), b) if b != b'\n' => Ok(At::ChunkExtension(size)),
            (At::ChunkSizeEnd(0), b'\n') => {
                self.head.bytes = 0;
                Ok(At::TrailerStart)
            }
            (At::ChunkSizeEnd(size), b'\n') => Ok(At::Chunk(size)),
            (At::ChunkEnd, b'\r') => Ok(At::ChunkLineEnd),
            (At::ChunkLineEnd, b'\n') => Ok(At::ChunkSize { size: 0, digits: 0 }),
            (At::TrailerStart, b'\r') => Ok(At::LastLineEnd),
            (At::LastLineEnd, b'\n') => Ok(At::Between),
            (At::Trailer, b'\r') => Ok(At::TrailerEnd),
            (At::TrailerEnd, b'\n') => Ok(At::TrailerStart),
            (At::TrailerStart | At::Trailer, b) if b != b'\n' => Ok(At::Trailer),
            _ => bad("the chunks of the body are not as they must be"),
        }
    }
}

/// Decimal digits and nothing else; `+5`, `5, 5` and the like are read differently by different parties.
fn length(value: Option<&[u8]>) -> Result<u64, BadHead> {
    let digits = value.filter(|v| !v.is_empty() && v.iter().all(u8::is_ascii_digit));
    let number = digits.and_then(|v| std::str::from_utf8(v).ok()?.parse().ok());
    number.map_or_else(|| bad("content-length is not a number"), Ok)
}

fn bad<T>(why: &'static str) -> Result<T, BadHead> {
    Err(BadHead::Malformed(why))
}

/// `tchar` of RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
#[path = "head_guard_tests.rs"]
mod tests;
