//! Builds as the tools name them, with random hashes.

const BASE64URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE36: &str = "0123456789abcdefghijklmnopqrstuvwxyz";
const HEX: &str = "0123456789abcdef";

/// Labels are seldom used twice: 40 of two halves.
const FIRST_HALVES: [&str; 8] = ["index", "page", "about", "logo", "hero", "guide", "client", "x"];
const SECOND_HALVES: [&str; 5] = ["", "-view", "-small", "2", "Dark"];

/// A tool: its alphabet, the length of its hashes, and where it writes. In a pattern `[label]` and `[hash]` are
/// filled in; the weight says how many files of the kind a build has.
pub struct Tool {
    pub name: &'static str,
    alphabet: &'static str,
    length: usize,
    /// How many of 100 hashed files may be revalidated though they need not be.
    pub most_missed: usize,
    patterns: &'static [(usize, &'static str)],
}

pub const TOOLS: [Tool; 12] = [
    Tool {
        name: "vite",
        alphabet: BASE64URL,
        length: 8,
        most_missed: 3,
        patterns: &[
            (20, "assets/[label]-[hash].js"),
            (6, "assets/[label]-[hash].css"),
            (12, "assets/[label]-[hash].png"),
            (4, "assets/[label]-[hash].svg"),
            (3, "assets/[label]-[hash].woff2"),
        ],
    },
    Tool {
        name: "vite, small",
        alphabet: BASE64URL,
        length: 8,
        most_missed: 4,
        patterns: &[
            (1, "assets/index-[hash].js"),
            (1, "assets/index-[hash].css"),
            (3, "assets/[label]-[hash].png"),
        ],
    },
    Tool {
        name: "astro",
        alphabet: BASE64URL,
        length: 8,
        most_missed: 1,
        patterns: &[
            (8, "_astro/[label].[hash].js"),
            (4, "_astro/[label].[hash].css"),
            (12, "_astro/[label].[hash].webp"),
            (3, "_astro/[label].[hash].woff2"),
        ],
    },
    Tool {
        name: "esbuild",
        alphabet: BASE32,
        length: 8,
        most_missed: 3,
        patterns: &[
            (10, "dist/[label]-[hash].js"),
            (5, "dist/[label]-[hash].css"),
            (12, "dist/[label]-[hash].png"),
        ],
    },
    Tool {
        name: "angular",
        alphabet: BASE32,
        length: 8,
        most_missed: 3,
        patterns: &[
            (12, "chunk-[hash].js"),
            (1, "main-[hash].js"),
            (1, "styles-[hash].css"),
            (8, "media/[label]-[hash].png"),
        ],
    },
    Tool {
        name: "parcel",
        alphabet: HEX,
        length: 8,
        most_missed: 3,
        patterns: &[(10, "[label].[hash].js"), (5, "[label].[hash].css"), (15, "[label].[hash].png")],
    },
    Tool {
        name: "nuxt",
        alphabet: BASE64URL,
        length: 8,
        most_missed: 1,
        patterns: &[
            (16, "_nuxt/[hash].js"),
            (6, "_nuxt/[label].[hash].css"),
            (6, "_nuxt/[label].[hash].png"),
        ],
    },
    Tool {
        name: "sveltekit",
        alphabet: BASE64URL,
        length: 8,
        most_missed: 1,
        patterns: &[
            (12, "_app/immutable/chunks/[hash].js"),
            (2, "_app/immutable/entry/[label].[hash].js"),
            (6, "_app/immutable/nodes/3.[hash].js"),
            (10, "_app/immutable/assets/[label].[hash].png"),
        ],
    },
    Tool {
        name: "next",
        alphabet: HEX,
        length: 16,
        most_missed: 1,
        patterns: &[
            (12, "_next/static/chunks/[label]-[hash].js"),
            (4, "_next/static/chunks/417.[hash].js"),
            (4, "_next/static/css/[hash].css"),
        ],
    },
    Tool {
        name: "next, media",
        alphabet: HEX,
        length: 8,
        most_missed: 1,
        patterns: &[(12, "_next/static/media/[label].[hash].png")],
    },
    Tool {
        name: "rspack",
        alphabet: HEX,
        length: 10,
        most_missed: 1,
        patterns: &[
            (10, "static/js/[label].[hash].js"),
            (6, "static/js/async/[label].[hash].js"),
            (5, "static/css/[label].[hash].css"),
            (12, "static/image/[label].[hash].png"),
        ],
    },
    Tool {
        name: "bun",
        alphabet: BASE36,
        length: 8,
        most_missed: 13,
        patterns: &[(10, "[label]-[hash].js"), (5, "[label]-[hash].css"), (8, "[label]-[hash].png")],
    },
];

impl Tool {
    pub fn has_capitals(&self) -> bool {
        self.alphabet.contains('A')
    }

    /// Whether all its files lie where nothing else does: `_astro/`, `_nuxt/`.
    pub fn has_own_directory(&self) -> bool {
        self.patterns.iter().all(|(_, pattern)| pattern.starts_with('_'))
    }

    /// The files of one build.
    pub fn build(&self, random: &mut Random) -> Vec<String> {
        let kinds = self.patterns.iter().flat_map(|(count, pattern)| std::iter::repeat_n(pattern, *count));
        let named = |pattern: &&str| {
            let hash = random.text(self.alphabet, self.length);
            let first = FIRST_HALVES[random.below(FIRST_HALVES.len())];
            let second = SECOND_HALVES[random.below(SECOND_HALVES.len())];
            pattern.replace("[label]", &format!("{first}{second}")).replace("[hash]", &hash)
        };
        kinds.map(named).collect()
    }
}

/// SplitMix64: enough for hashes, and the same on every run.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).expect("it is below a usize")
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        (0..length).map(|_| char::from(alphabet.as_bytes()[self.below(alphabet.len())])).collect()
    }
}
