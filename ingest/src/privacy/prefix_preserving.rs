//! Crypto-PAn (Xu, Fan, Ammar and Moon, 2002): addresses that share a prefix become addresses that share one of the same length, and no others do.

use std::fmt;

use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use aes::{Aes128, Block};

use crate::privacy::key::Key;

/// Bits of the cipher's block, and of the longest address.
const BITS: u32 = 128;

/// The map of a key.
#[derive(Clone)]
pub(crate) struct PrefixPreserving {
    cipher: Aes128,
    pad: u128,
}

impl fmt::Debug for PrefixPreserving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrefixPreserving")
    }
}

impl PrefixPreserving {
    pub(crate) fn new(key: &Key) -> Self {
        let (key, pad) = key.halves();
        let cipher = Aes128::new(&key.into());
        let mut block = Block::from(pad);
        cipher.encrypt_block(&mut block);
        Self { cipher, pad: u128::from_be_bytes(block.into()) }
    }

    /// An IPv4 address.
    pub(crate) fn v4(&self, address: u32) -> u32 {
        let low = BITS - u32::BITS;
        // What was shifted in comes out again.
        u32::try_from(self.map(u128::from(address) << low, u32::BITS) >> low).unwrap_or_default()
    }

    /// An IPv6 address.
    pub(crate) fn v6(&self, address: u128) -> u128 {
        self.map(address, BITS)
    }

    /// Flips each of the first `bits` by what the key makes of those before it.
    fn map(&self, value: u128, bits: u32) -> u128 {
        let mut blocks: Vec<Block> = (0..bits)
            .map(|known| {
                let hidden = u128::MAX >> known;
                Block::from((value & !hidden | self.pad & hidden).to_be_bytes())
            })
            .collect();
        // All at once: the bits before each are those of the value, not of the result.
        self.cipher.encrypt_blocks(&mut blocks);
        blocks.iter().zip(0..bits).fold(value, |mapped, (block, known)| {
            let flip = u128::from_be_bytes((*block).into()) >> (BITS - 1);
            mapped ^ flip << (BITS - 1 - known)
        })
    }
}
