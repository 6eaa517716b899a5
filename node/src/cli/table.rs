//! Tables for people: columns as wide as what is in them.

/// Rows under headings.
pub struct Table {
    rows: Vec<Vec<String>>,
}

// === impl Table ===

impl Table {
    pub fn new(headings: &[&str]) -> Self {
        Table {
            rows: vec![
                headings
                    .iter()
                    .map(|heading| heading.to_uppercase())
                    .collect(),
            ],
        }
    }

    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table as text, two spaces between columns, nothing after the last.
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| width_of(cell))
                .max()
        };
        let widths: Vec<usize> = (0..columns)
            .map(|column| width(column).unwrap_or(0))
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - width_of(cell) + 2));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Columns a text takes in a terminal: two for the wide characters of East Asian scripts and for emoji
/// (Unicode Standard Annex 11).
fn width_of(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

fn is_wide(c: char) -> bool {
    matches!(
        u32::from(c),
        0x1100..=0x115f
            | 0x2e80..=0xa4cf
            | 0xac00..=0xd7a3
            | 0xf900..=0xfaff
            | 0xfe30..=0xfe6f
            | 0xff00..=0xff60
            | 0xffe0..=0xffe6
            | 0x1f300..=0x1faff
            | 0x20000..=0x3fffd
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_have_no_trailing_spaces() {
        let mut table = Table::new(&["id", "name"]);
        table.row(vec!["a".to_owned(), "Acme".to_owned()]);
        table.row(vec!["longer".to_owned(), String::new()]);
        assert_eq!(table.render(), "ID      NAME\na       Acme\nlonger\n");
    }

    #[test]
    fn chinese_names_line_up_too() {
        let mut table = Table::new(&["name", "id"]);
        table.row(vec!["商店".to_owned(), "a".to_owned()]);
        assert_eq!(table.render(), "NAME  ID\n商店  a\n");
    }
}
