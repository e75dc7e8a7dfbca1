//! A table of texts, as data: each medium renders it.

use std::iter;

/// Where a column's texts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows of texts under a head; the first column names the row.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// What the table shows, for readers who cannot see its surroundings.
    caption: String,
    head: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
    /// The part that rows are added to; empty before the first.
    below: String,
}

impl Table {
    pub(super) fn new(caption: impl Into<String>, head: &[(&str, Align)]) -> Self {
        let head = head.iter().map(|(title, align)| ((*title).to_owned(), *align)).collect();
        Self { caption: caption.into(), head, rows: Vec::new(), below: String::new() }
    }

    pub(super) fn column(&mut self, title: impl Into<String>, align: Align) {
        self.head.push((title.into(), align));
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.head.len(), "a cell for each column of `{}`", self.caption);
        self.rows.push(cells);
    }

    /// A row that is only a name: what follows is its.
    pub(super) fn part(&mut self, title: &str) {
        let rest = vec![String::new(); self.head.len() - 1];
        self.row(iter::once(title.to_owned()).chain(rest).collect());
    }

    /// What follows is of the part of that name: a row says so where another one begins.
    pub(super) fn below(&mut self, title: &str) {
        if title != self.below {
            self.part(title);
            title.clone_into(&mut self.below);
        }
    }

    /// The table with these columns alone, and without rows that say nothing in them.
    pub(super) fn only(&self, columns: &[usize]) -> Self {
        let of = |cells: &Vec<String>| columns.iter().map(|i| cells[*i].clone()).collect::<Vec<String>>();
        Self {
            caption: self.caption.clone(),
            head: columns.iter().map(|i| self.head[*i].clone()).collect(),
            rows: self
                .rows
                .iter()
                .map(of)
                .filter(|cells| cells.iter().any(|cell| !cell.is_empty()))
                .collect(),
            below: self.below.clone(),
        }
    }

    pub(super) fn caption(&self) -> &str {
        &self.caption
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The titles of the columns, and the alignment of their texts.
    pub(super) fn head(&self) -> &[(String, Align)] {
        &self.head
    }

    pub(super) fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }
}
