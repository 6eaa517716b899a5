//! The access log: every call as a line of JSON, in files that are turned over by size.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::record::CallRecord;

const BUFFER: usize = 256 * 1024;

/// `access.log`, and before it `access.log.1`, `access.log.2` …, the highest the oldest.
#[derive(Debug)]
pub(super) struct AccessLog {
    file: PathBuf,
    /// A file that has as much is turned over.
    limit_bytes: u64,
    /// Files in all.
    files: usize,
    out: BufWriter<File>,
    bytes: u64,
}

// === impl AccessLog ===

impl AccessLog {
    pub fn open(file: &Path, limit_bytes: u64, files: usize) -> io::Result<Self> {
        let (out, bytes) = append(file)?;
        Ok(AccessLog {
            file: file.to_owned(),
            limit_bytes,
            files: files.max(1),
            out,
            bytes,
        })
    }

    pub fn write(&mut self, record: &CallRecord) -> io::Result<()> {
        let mut line = serde_json::to_vec(record).map_err(io::Error::other)?;
        line.push(b'\n');
        if self.bytes > 0 && self.bytes + line.len() as u64 > self.limit_bytes {
            self.turn_over()?;
        }
        self.bytes += line.len() as u64;
        self.out.write_all(&line)
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn turn_over(&mut self) -> io::Result<()> {
        self.out.flush()?;
        for number in (1..self.files).rev() {
            let from = match number {
                1 => self.file.clone(),
                number => self.numbered(number - 1),
            };
            if from.exists() {
                std::fs::rename(from, self.numbered(number))?;
            }
        }
        if self.files == 1 {
            std::fs::remove_file(&self.file)?;
        }
        (self.out, self.bytes) = append(&self.file)?;
        Ok(())
    }

    fn numbered(&self, number: usize) -> PathBuf {
        let mut name = self.file.as_os_str().to_owned();
        name.push(format!(".{number}"));
        name.into()
    }
}

fn append(file: &Path) -> io::Result<(BufWriter<File>, u64)> {
    let opened = OpenOptions::new().create(true).append(true).open(file)?;
    let bytes = opened.metadata()?.len();
    Ok((BufWriter::with_capacity(BUFFER, opened), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(file: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let record = |line| serde_json::from_str::<CallRecord>(line).unwrap().call_id;
        text.lines().map(record).collect()
    }

    #[test]
    fn files_are_turned_over_by_size_and_the_oldest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("access.log");
        let record = |call: u32| CallRecord {
            call_id: call.to_string(),
            ..CallRecord::default()
        };
        let line = serde_json::to_vec(&record(0)).unwrap().len() as u64 + 1;
        let mut log = AccessLog::open(&file, 2 * line, 3).unwrap();
        (0..5).for_each(|call| log.write(&record(call)).unwrap());
        drop(log);
        // Goes on where it was.
        let mut log = AccessLog::open(&file, 2 * line, 3).unwrap();
        (5..9).for_each(|call| log.write(&record(call)).unwrap());
        log.flush().unwrap();
        let numbered = |number| dir.path().join(format!("access.log.{number}"));
        assert_eq!(calls(&file), ["8"]);
        assert_eq!(calls(&numbered(1)), ["6", "7"]);
        assert_eq!(calls(&numbered(2)), ["4", "5"]);
        assert!(!numbered(3).exists());
    }
}
