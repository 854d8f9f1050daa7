//! A part of an expression that knows its place.

use super::error::ExpressionError;

/// A part of an expression.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    whole: &'a str,
    start: usize,
    end: usize,
}

impl<'a> Piece<'a> {
    pub(super) fn new(whole: &'a str) -> Self {
        Self {
            whole,
            start: 0,
            end: whole.len(),
        }
    }

    pub(super) fn text(&self) -> &'a str {
        &self.whole[self.start..self.end]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    fn part(&self, start: usize, end: usize) -> Self {
        Self {
            whole: self.whole,
            start: self.start + start,
            end: self.start + end,
        }
    }

    /// Divides at the first `separator`, an ASCII text.
    pub(super) fn split_once(&self, separator: &str) -> Option<(Self, Self)> {
        self.split_at(self.text().find(separator)?, separator.len())
    }

    /// Divides at the last `separator`, an ASCII text.
    pub(super) fn rsplit_once(&self, separator: &str) -> Option<(Self, Self)> {
        self.split_at(self.text().rfind(separator)?, separator.len())
    }

    fn split_at(&self, at: usize, width: usize) -> Option<(Self, Self)> {
        let len = self.end - self.start;
        Some((self.part(0, at), self.part(at + width, len)))
    }

    /// Returns the rest after `prefix`, if the piece begins with it.
    pub(super) fn strip_prefix(&self, prefix: char) -> Option<Self> {
        let rest = self.text().strip_prefix(prefix)?;
        Some(self.part(self.text().len() - rest.len(), self.text().len()))
    }

    /// Returns the parts between semicolons.
    pub(super) fn bindings(self) -> impl Iterator<Item = Self> {
        let mut rest = Some(self);
        std::iter::from_fn(move || {
            let piece = rest?;
            let (first, others) = match piece.split_once(";") {
                Some((first, others)) => (first, Some(others)),
                None => (piece, None),
            };
            rest = others;
            Some(first)
        })
    }

    /// Returns the rest after `count` characters.
    pub(super) fn after_chars(&self, count: usize) -> Self {
        let at = self.text().char_indices().nth(count);
        self.part(
            at.map_or_else(|| self.text().len(), |(at, _)| at),
            self.text().len(),
        )
    }

    /// Returns the empty part at the end.
    pub(super) fn end(&self) -> Self {
        self.part(self.text().len(), self.text().len())
    }

    /// Returns the error that something else was expected here.
    pub(super) fn expected(&self, expected: &str) -> ExpressionError {
        let column = self.whole[..self.start].chars().count() + 1;
        ExpressionError::new(column, expected, self.text())
    }
}
