//! Names of fields: those that are wanted, and those that a record had already.

/// The names that ids, times and rules read, found by their hash.
pub struct Wanted {
    names: Vec<Vec<u8>>,
    /// Index + 1; 0 is free.
    slots: Vec<u16>,
    mask: usize,
}

impl Wanted {
    /// At most 65,534 names, each once.
    pub fn new(names: Vec<Vec<u8>>) -> Self {
        let size = (names.len() * 8).next_power_of_two().max(64);
        let mask = size - 1;
        let mut slots = vec![0; size];
        for (number, name) in (1..).zip(&names) {
            let mut at = hash(name) as usize & mask;
            while slots[at] != 0 {
                at = (at + 1) & mask;
            }
            slots[at] = number;
        }
        Self { names, slots, mask }
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    #[inline(always)]
    pub fn find(&self, hash: u32, name: &[u8]) -> Option<usize> {
        let mut at = hash as usize & self.mask;
        loop {
            match usize::from(self.slots[at]) {
                0 => return None,
                number if self.names[number - 1] == name => return Some(number - 1),
                _ => at = (at + 1) & self.mask,
            }
        }
    }
}

/// Not made against those who choose names on purpose: a record has few of them.
#[inline(always)]
pub fn hash(name: &[u8]) -> u32 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut found = name.len() as u64;
    let mut mix = |word: u64| found = (found.rotate_left(5) ^ word).wrapping_mul(K);
    let (chunks, rest) = name.as_chunks();
    chunks.iter().for_each(|chunk| mix(u64::from_le_bytes(*chunk)));
    if !rest.is_empty() {
        // The last eight bytes, of which some were mixed in already.
        mix(match name.last_chunk() {
            Some(chunk) => u64::from_le_bytes(*chunk),
            None => rest.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)),
        });
    }
    (found >> 32) as u32
}

/// A name in the output: its round, its hash, where it begins and ends.
#[derive(Clone, Copy, Default)]
struct Slot {
    round: u32,
    hash: u32,
    start: u32,
    end: u32,
}

/// The names of one record, to find duplicates. A new round empties the table.
pub struct Seen {
    slots: Vec<Slot>,
    round: u32,
    count: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Self { slots: vec![Slot::default(); 256], round: 0, count: 0 }
    }
}

impl Seen {
    pub fn begin(&mut self) {
        if self.round == u32::MAX {
            self.slots.fill(Slot::default());
            self.round = 0;
        }
        self.round += 1;
        self.count = 0;
    }

    /// Whether a name that lies in `out` is new to this round.
    #[inline(always)]
    pub fn add(&mut self, hash: u32, out: &[u8], start: usize, end: usize) -> bool {
        if self.count * 2 >= self.slots.len() {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot.round != self.round {
                let (start, end) = (start as u32, end as u32);
                self.slots[at] = Slot { round: self.round, hash, start, end };
                self.count += 1;
                return true;
            }
            if slot.hash == hash && out[slot.start as usize..slot.end as usize] == out[start..end] {
                return false;
            }
            at = (at + 1) & mask;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let size = self.slots.len() * 4;
        let old = std::mem::replace(&mut self.slots, vec![Slot::default(); size]);
        for slot in old.into_iter().filter(|slot| slot.round == self.round) {
            let mut at = slot.hash as usize & (size - 1);
            while self.slots[at].round == self.round {
                at = (at + 1) & (size - 1);
            }
            self.slots[at] = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wanted_names_are_found_and_no_others() {
        let names: Vec<Vec<u8>> = (0..500).map(|n| format!("query-{n}").into_bytes()).collect();
        let wanted = Wanted::new(names.clone());
        assert_eq!(wanted.len(), 500);
        for (index, name) in names.iter().enumerate() {
            assert_eq!(wanted.find(hash(name), name), Some(index));
        }
        assert_eq!(wanted.find(hash(b"query-500"), b"query-500"), None);
    }

    #[test]
    fn a_name_is_new_once_a_round() {
        let mut seen = Seen::default();
        for _ in 0..3 {
            seen.begin();
            let mut out = Vec::new();
            for number in 0..1_000 {
                for is_first in [true, false] {
                    let start = out.len();
                    out.extend_from_slice(format!("n{number}").as_bytes());
                    let hashed = hash(&out[start..]);
                    assert_eq!(seen.add(hashed, &out, start, out.len()), is_first);
                }
            }
        }
    }

    #[test]
    fn names_of_one_hash_are_told_apart() {
        let mut seen = Seen::default();
        seen.begin();
        assert!(seen.add(7, b"ab", 0, 1));
        assert!(seen.add(7, b"ab", 1, 2));
        assert!(!seen.add(7, b"aba", 2, 3));
    }
}
