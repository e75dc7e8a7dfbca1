//! Circular lists that share one slab: linking, unlinking and reusing an entry is O(1) and allocates no memory.

use std::mem;

/// No entry.
pub(super) const NONE: u32 = u32::MAX;

/// All entries, each free or in one of the lists.
#[derive(Debug)]
pub(super) struct Lists<K> {
    pub(super) entries: Vec<Entry<K>>,
    /// Entries that are not free.
    pub(super) used: usize,
    free: u32,
    /// First entry of each list. The lists are circular, so that the last is the one before the first.
    heads: Box<[u32]>,
}

/// One armed deadline, or a free place for one.
#[derive(Debug)]
pub(super) struct Entry<K> {
    pub(super) deadline_ns: u64,
    pub(super) tick: u64,
    /// `None`: free, and `next` is the next free entry.
    pub(super) key: Option<K>,
    pub(super) previous: u32,
    pub(super) next: u32,
    pub(super) generation: u32,
    list: u16,
}

impl<K> Lists<K> {
    /// `count` empty lists, at most 2¹⁶.
    pub(super) fn new(count: usize) -> Self {
        Lists { entries: Vec::new(), used: 0, free: NONE, heads: vec![NONE; count].into_boxed_slice() }
    }

    pub(super) fn first(&self, list: usize) -> u32 {
        self.heads[list]
    }

    /// A new entry, in no list yet.
    pub(super) fn insert(&mut self, key: K) -> u32 {
        self.used += 1;
        if self.free != NONE {
            let index = self.free;
            let entry = &mut self.entries[index as usize];
            self.free = entry.next;
            entry.key = Some(key);
            return index;
        }
        let index = self.entries.len();
        assert!(index < NONE as usize, "{index} deadlines are armed");
        let (key, index) = (Some(key), index as u32);
        self.entries.push(Entry {
            deadline_ns: 0,
            tick: 0,
            key,
            previous: index,
            next: index,
            generation: 0,
            list: 0,
        });
        index
    }

    /// Append an entry to a list.
    pub(super) fn link(&mut self, index: u32, list: usize) {
        let first = self.heads[list];
        let (previous, next) = if first == NONE {
            self.heads[list] = index;
            (index, index)
        } else {
            (mem::replace(&mut self.entries[first as usize].previous, index), first)
        };
        self.entries[previous as usize].next = index;
        let entry = &mut self.entries[index as usize];
        (entry.previous, entry.next, entry.list) = (previous, next, list as u16);
    }

    /// Take an entry out of its list, and say which that was.
    pub(super) fn unlink(&mut self, index: u32) -> usize {
        let Entry { previous, next, list, .. } = self.entries[index as usize];
        let list = usize::from(list);
        self.entries[previous as usize].next = next;
        self.entries[next as usize].previous = previous;
        if next == index {
            self.heads[list] = NONE;
        } else if self.heads[list] == index {
            self.heads[list] = next;
        }
        list
    }

    /// Make an unlinked entry free, and its name void.
    pub(super) fn release(&mut self, index: u32) -> Option<K> {
        self.used -= 1;
        let entry = &mut self.entries[index as usize];
        entry.generation = entry.generation.wrapping_add(1);
        entry.next = mem::replace(&mut self.free, index);
        entry.key.take()
    }
}
