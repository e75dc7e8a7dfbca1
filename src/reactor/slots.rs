//! Connections under tokens: adding, finding and removing one takes as long with many as with few.

use super::token::Token;

/// Slots that are allocated together.
const CHUNK: usize = 64;

/// Connections under tokens. A slot is used again, a token never. What is in a slot stays where it is in memory: more of them
/// are allocated a few at a time, and with many thousands none is moved.
#[derive(Debug)]
pub struct Slots<T> {
    chunks: Vec<Vec<Slot<T>>>,
    /// Slots that were ever used.
    used: usize,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), used: 0, free: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// Keeps what `make` makes for its token.
    pub fn insert_with(&mut self, make: impl FnOnce(Token) -> T) -> Token {
        let number = self.free.pop().unwrap_or_else(|| self.grow());
        let slot = &mut self.chunks[number as usize / CHUNK][number as usize % CHUNK];
        let token = Token::new(number, slot.generation);
        slot.value = Some(make(token));
        token
    }

    /// The number of a slot that was never used.
    fn grow(&mut self) -> u32 {
        if self.used.is_multiple_of(CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        self.chunks[self.used / CHUNK].push(Slot { generation: 0, value: None });
        self.used += 1;
        (self.used - 1) as u32
    }

    /// The slot that the token names, if it still names it.
    fn slot(&mut self, token: Token) -> Option<&mut Slot<T>> {
        let slot = self.chunks.get_mut(token.slot() / CHUNK)?.get_mut(token.slot() % CHUNK)?;
        (slot.generation == token.generation()).then_some(slot)
    }

    /// What the token stands for, unless it is gone.
    pub fn entry(&mut self, token: Token) -> Option<&mut T> {
        self.slot(token)?.value.as_mut()
    }

    /// Takes out what the token stands for; the token is dead from now on.
    pub fn remove(&mut self, token: Token) -> Option<T> {
        let slot = self.slot(token)?;
        let removed = slot.value.take()?;
        // After 2^31 connections in one slot the generations start again, well clear of the special tokens.
        slot.generation = (slot.generation + 1) & 0x7fff_ffff;
        self.free.push(token.slot() as u32);
        Some(removed)
    }

    /// Takes out what the token stands for, for a while: the token lives on, and its slot is kept.
    pub fn take(&mut self, token: Token) -> Option<T> {
        self.slot(token)?.value.take()
    }

    /// Puts back what was [taken](Self::take) for a while.
    ///
    /// # Panics
    /// If the token is dead.
    pub fn put_back(&mut self, token: Token, value: T) {
        let slot = self.slot(token).unwrap_or_else(|| panic!("{token:?} is dead"));
        slot.value = Some(value);
    }

    /// Whether the token stands for something, be it there or taken for a while.
    #[must_use]
    pub fn is_alive(&self, token: Token) -> bool {
        let slot = self.chunks.get(token.slot() / CHUNK).and_then(|chunk| chunk.get(token.slot() % CHUNK));
        slot.is_some_and(|slot| slot.generation == token.generation())
    }

    /// How many there are, with those that are taken for a while.
    #[must_use]
    pub fn len(&self) -> usize {
        self.used - self.free.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tokens of all that are there.
    pub fn tokens(&self) -> impl Iterator<Item = Token> + '_ {
        let slots = self.chunks.iter().flatten().enumerate().filter(|(_, slot)| slot.value.is_some());
        slots.map(|(number, slot)| Token::new(number as u32, slot.generation))
    }

    /// All that are there.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten().filter_map(|slot| slot.value.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_token_never_reaches_the_new_owner_of_its_slot() {
        let mut slots = Slots::default();
        let old = slots.insert_with(|_| "old");
        assert_eq!(slots.remove(old), Some("old"));
        let new = slots.insert_with(|_| "new");
        assert_eq!(old.slot(), new.slot());
        assert_eq!(slots.entry(old), None);
        assert_eq!(slots.remove(old), None);
        assert_eq!(slots.entry(new), Some(&mut "new"));
        assert_eq!((slots.len(), slots.tokens().collect::<Vec<_>>()), (1, vec![new]));
    }

    #[test]
    fn a_taken_connection_keeps_its_token() {
        let mut slots = Slots::default();
        let token = slots.insert_with(|_| "x");
        assert_eq!(slots.take(token), Some("x"));
        assert_eq!(slots.take(token), None);
        assert_eq!(slots.entry(token), None);
        assert_eq!(slots.len(), 1);
        let other = slots.insert_with(|_| "y");
        assert_ne!(token.slot(), other.slot());
        assert!(slots.is_alive(token));
        slots.put_back(token, "x");
        assert_eq!(slots.remove(token), Some("x"));
        assert!(!slots.is_alive(token));
    }

    #[test]
    fn special_tokens_name_no_slot() {
        let mut slots: Slots<()> = Slots::default();
        assert_eq!(slots.entry(Token::special(0)), None);
        assert_ne!(Token::special(0), Token::special(1));
    }

    #[test]
    fn growth_moves_nothing_that_is_there() {
        let mut slots = Slots::default();
        let mut tokens = Vec::new();
        let mut places = Vec::new();
        for number in 0..12 * CHUNK {
            let token = slots.insert_with(|_| number);
            places.push(std::ptr::from_ref(slots.entry(token).expect("there")));
            tokens.push(token);
        }
        for (token, place) in tokens.iter().zip(places) {
            assert_eq!(std::ptr::from_ref(slots.entry(*token).expect("still there")), place);
        }
        assert_eq!(
            (slots.len(), slots.iter().count(), slots.tokens().count()),
            (12 * CHUNK, 12 * CHUNK, 12 * CHUNK)
        );
        assert_eq!(tokens.last().map(|token| token.slot()), Some(12 * CHUNK - 1));
        assert_eq!(slots.remove(tokens[CHUNK]), Some(CHUNK));
        assert_eq!((slots.remove(tokens[CHUNK]), slots.len()), (None, 12 * CHUNK - 1));
        let again = slots.insert_with(|_| 7);
        assert_eq!((again.slot(), slots.entry(again).copied()), (CHUNK, Some(7)));
        assert_eq!(slots.entry(tokens[CHUNK]), None);
    }
}
