//! Rows of a CSV file as JSON objects. Every column is kept as the text that it is, in the order of the file; a cell
//! that is empty gives no member, so that empty and absent are one thing and nothing is invented for either.

use csv::StringRecord;
use serde_json::json;

use super::Unreadable;

/// A table.
pub struct Table {
    columns: StringRecord,
    /// The rows, without the head.
    pub rows: Vec<Row>,
}

/// A row: its cells in the order of the columns.
pub struct Row(StringRecord);

impl Table {
    /// Reads a table with a head line; `wanted` are the columns that it must have, no more and no fewer.
    pub fn read(text: &[u8], wanted: &[&str]) -> Result<Self, Unreadable> {
        let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(text);
        let columns = reader.headers().map_err(|error| Unreadable::new("the head line", error))?.clone();
        if columns.iter().ne(wanted.iter().copied()) {
            return Err(Unreadable::new("the head line", format!("its columns are {columns:?}")));
        }
        let rows = reader.records().map(|record| record.map(Row));
        let rows = rows.collect::<Result<_, _>>().map_err(|error| Unreadable::new("a row", error))?;
        Ok(Self { columns, rows })
    }

    /// The cell of a column; none where it is empty.
    pub fn cell<'r>(&self, row: &'r Row, column: &str) -> Option<&'r str> {
        let index = self.columns.iter().position(|name| name == column)?;
        row.0.get(index).filter(|cell| !cell.is_empty())
    }

    /// The row as a JSON object.
    pub fn object(&self, row: &Row) -> String {
        let filled = self.columns.iter().zip(&row.0).filter(|(_, cell)| !cell.is_empty());
        let members: Vec<String> =
            filled.map(|(name, cell)| format!("{}:{}", json!(name), json!(cell))).collect();
        format!("{{{}}}", members.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filled_cell_is_kept_as_it_is() {
        let text = "a,b,c\n1,\"x, \"\"y\"\" &amp; \u{fffd}\",\n, 02 ,3.00\n";
        let table = Table::read(text.as_bytes(), &["a", "b", "c"]).unwrap();
        let objects: Vec<String> = table.rows.iter().map(|row| table.object(row)).collect();
        assert_eq!(objects, [r#"{"a":"1","b":"x, \"y\" &amp; �"}"#, r#"{"b":" 02 ","c":"3.00"}"#]);
        assert_eq!(table.cell(&table.rows[0], "c"), None);
    }

    #[test]
    fn a_table_with_other_columns_is_not_guessed_at() {
        assert!(Table::read(b"a,b,d\n", &["a", "b", "c"]).is_err());
        assert!(Table::read(b"a,b\n1\n", &["a", "b"]).is_err());
    }
}
