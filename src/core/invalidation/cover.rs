//! The smallest set of items that covers some paths, with few wildcards and little else covered.
//!
//! Sorted, the paths below a prefix stand side by side, and the prefixes that tell them apart form a tree (the
//! compressed trie). A wildcard is a node of that tree. Choosing at most `n` nodes, none below another, that save the
//! most paths is a knapsack over the tree: exact, and linear in its size.

use std::collections::BTreeSet;

use super::path::{Paths, encode, must_be_wildcard_before};

/// What a cover may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoverRules {
    pub max_wildcards: usize,
    /// A wildcard may drop this many unchanged copies for each path that it saves; none means any number.
    pub collateral_per_saved_path: Option<u64>,
}

/// A wildcard in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wildcard {
    /// Encoded, with its `*`.
    pub item: String,
    /// Stale paths that it covers.
    pub stale: u64,
    /// Others that it covers.
    pub collateral: u64,
}

/// The items and what they cost besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cover {
    /// Encoded, sorted, unique.
    pub items: Vec<String>,
    pub wildcards: Vec<Wildcard>,
    pub collateral: u64,
}

/// Paths to cover, among others that are better left alone.
pub struct Covering<'a> {
    stale: &'a Paths,
    others: &'a Paths,
    forced: Vec<String>,
    tree: Tree<'a>,
}

impl<'a> Covering<'a> {
    /// No path is both `stale` and among the `others`.
    pub fn new(stale: &'a Paths, others: &'a Paths) -> Self {
        let forced = forced_prefixes(stale);
        let is_forced = |path: &str| forced.iter().any(|prefix| path.starts_with(prefix.as_str()));
        let free = stale.iter().filter(|path| !is_forced(path));
        let tree = Tree::build(merged(free, others.iter()));
        Self { stale, others, forced, tree }
    }

    /// Covers every stale path. The number of items is the least possible under the rules; among equally many, fewer are
    /// wildcards.
    pub fn cover(&self, rules: CoverRules) -> Cover {
        let Some(left) = rules.max_wildcards.checked_sub(self.forced.len()) else {
            return self.assemble(vec!["/".into()]);
        };
        let chosen = self.tree.choose(left, rules.collateral_per_saved_path);
        self.assemble(self.forced.iter().cloned().chain(chosen.into_iter().map(str::to_owned)).collect())
    }

    fn assemble(&self, mut prefixes: Vec<String>) -> Cover {
        prefixes.sort();
        let covers = |path: &str| {
            let after = prefixes.partition_point(|prefix| prefix.as_str() <= path);
            // None lies below another, so only the nearest before the path can cover it.
            after.checked_sub(1).filter(|index| path.starts_with(prefixes[*index].as_str()))
        };
        let mut wildcards: Vec<Wildcard> = prefixes
            .iter()
            .map(|prefix| Wildcard { item: format!("{}*", encode(prefix)), stale: 0, collateral: 0 })
            .collect();
        let mut items: BTreeSet<String> = wildcards.iter().map(|wildcard| wildcard.item.clone()).collect();
        for path in self.stale.iter() {
            match covers(path) {
                Some(index) => wildcards[index].stale += 1,
                None => drop(items.insert(encode(path))),
            }
        }
        for path in self.others.iter() {
            if let Some(index) = covers(path) {
                wildcards[index].collateral += 1;
            }
        }
        let collateral = wildcards.iter().map(|wildcard| wildcard.collateral).sum();
        Cover { items: items.into_iter().collect(), wildcards, collateral }
    }
}

/// Both in one order, the stale ones marked.
fn merged<'a>(
    stale: impl Iterator<Item = &'a str>,
    others: impl Iterator<Item = &'a str>,
) -> impl Iterator<Item = (&'a str, bool)> {
    let (mut stale, mut others) = (stale.peekable(), others.peekable());
    std::iter::from_fn(move || match (stale.peek(), others.peek()) {
        (Some(a), Some(b)) if a > b => others.next().map(|path| (path, false)),
        (Some(_), _) => stale.next().map(|path| (path, true)),
        (None, _) => others.next().map(|path| (path, false)),
    })
}

/// Prefixes that some path must be covered by because it cannot be said exactly; none lies below another.
fn forced_prefixes(stale: &Paths) -> Vec<String> {
    let all: BTreeSet<&str> = stale.iter().filter_map(|path| must_be_wildcard_before(path)).collect();
    let mut kept: Vec<String> = Vec::new();
    for prefix in all {
        // Sorted: whatever covers this one stands before it.
        if !kept.last().is_some_and(|last| prefix.starts_with(last.as_str())) {
            kept.push(prefix.to_owned());
        }
    }
    kept
}

/// The compressed trie of sorted paths, children before parents. Nodes that would save nothing are left out: all that is read
/// of them is what they add to those above.
struct Tree<'a> {
    nodes: Vec<Node<'a>>,
}

struct Node<'a> {
    /// The shortest readable prefix that selects exactly this node's paths.
    prefix: &'a str,
    children: Vec<usize>,
    stale: u64,
    others: u64,
}

/// A node that is still open while the paths are read.
struct Open<'a> {
    length: usize,
    path: &'a str,
    children: Vec<usize>,
    stale: u64,
    others: u64,
}

impl<'a> Tree<'a> {
    fn build(paths: impl Iterator<Item = (&'a str, bool)>) -> Self {
        let mut nodes: Vec<Node<'a>> = Vec::new();
        let mut open: Vec<Open<'a>> = Vec::new();
        let mut last = "";
        for (path, is_stale) in paths {
            close_to(&mut open, &mut nodes, common_prefix(last, path), path);
            last = path;
            let (stale, others) = if is_stale { (1, 0) } else { (0, 1) };
            open.push(Open { length: path.len(), path, children: Vec::new(), stale, others });
        }
        close_to(&mut open, &mut nodes, 0, "");
        // What is left open is the root.
        if let Some(root) = open.pop() {
            push_node(&mut nodes, root, 0);
        }
        Self { nodes }
    }

    /// The prefixes to use as wildcards: at most `max`, none below another, saving the most paths.
    fn choose(&self, max: usize, collateral_per_saved_path: Option<u64>) -> Vec<&'a str> {
        let mut best: Vec<Vec<u64>> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let mut saved = vec![0];
            for child in &node.children {
                saved = combine(&saved, &best[*child], max);
            }
            if max > 0 && node.is_worth(collateral_per_saved_path) {
                if saved.len() == 1 {
                    saved.push(0);
                }
                saved[1] = saved[1].max(node.saves());
            }
            make_monotone(&mut saved);
            best.push(saved);
        }
        let mut chosen = Vec::new();
        if let Some(root) = self.nodes.len().checked_sub(1) {
            let most = best[root].len() - 1;
            // As few wildcards as reach the best saving.
            let enough = (0..=most).find(|count| best[root][*count] == best[root][most]).unwrap_or(0);
            self.trace(root, enough, &best, max, &mut chosen);
        }
        chosen
    }

    /// Follows the choices that led to `best[node][count]`.
    fn trace(&self, node: usize, count: usize, best: &[Vec<u64>], max: usize, chosen: &mut Vec<&'a str>) {
        let target = best[node][count.min(best[node].len() - 1)];
        if target == 0 {
            return;
        }
        let mut partial = vec![vec![0]];
        for child in &self.nodes[node].children {
            let next = combine(partial.last().expect("never empty"), &best[*child], max);
            partial.push(next);
        }
        let below = partial.last().expect("never empty");
        let from_children = below.get(count).or(below.last()).copied().unwrap_or(0);
        if from_children < target {
            chosen.push(self.nodes[node].prefix);
            return;
        }
        let mut left = count;
        let mut target = target;
        for (index, child) in self.nodes[node].children.iter().enumerate().rev() {
            let before = &partial[index];
            let split = (0..=left).find(|used| {
                let here = best[*child][(*used).min(best[*child].len() - 1)];
                let rest = before[(left - used).min(before.len() - 1)];
                here + rest >= target
            });
            let used = split.expect("the sum was reached by some split");
            self.trace(*child, used, best, max, chosen);
            target -= best[*child][used.min(best[*child].len() - 1)];
            left -= used;
        }
    }
}

impl Node<'_> {
    /// Paths saved by naming this node instead of all its stale ones.
    fn saves(&self) -> u64 {
        self.stale.saturating_sub(1)
    }

    fn is_worth(&self, collateral_per_saved_path: Option<u64>) -> bool {
        let is_allowed =
            collateral_per_saved_path.is_none_or(|allowed| self.others <= allowed * self.saves());
        self.saves() > 0 && is_allowed
    }
}

/// Closes the open nodes that reach below `length`, opening one at `length` where paths part inside an edge.
fn close_to<'a>(open: &mut Vec<Open<'a>>, nodes: &mut Vec<Node<'a>>, length: usize, next: &'a str) {
    while let Some(top) = open.pop_if(|top| top.length > length) {
        let parent_length = open.last().map_or(0, |below| below.length).max(length);
        let has_parent = open.last().is_some_and(|below| below.length >= length);
        let (path, stale, others) = (top.path, top.stale, top.others);
        let index = push_node(nodes, top, parent_length);
        if !has_parent {
            let path = if next.is_empty() { path } else { next };
            open.push(Open { length, path, children: Vec::new(), stale: 0, others: 0 });
        }
        let parent = open.last_mut().expect("just made sure of");
        parent.children.extend(index);
        parent.stale += stale;
        parent.others += others;
        if !has_parent {
            return;
        }
    }
}

/// Where it stands among the nodes, if it could ever save a path. What lies below one that cannot, cannot either.
fn push_node<'a>(nodes: &mut Vec<Node<'a>>, open: Open<'a>, parent_length: usize) -> Option<usize> {
    let prefix = readable_prefix(open.path, parent_length, open.length);
    let node = Node { prefix, children: open.children, stale: open.stale, others: open.others };
    (node.saves() > 0).then(|| {
        nodes.push(node);
        nodes.len() - 1
    })
}

/// All prefixes longer than the parent's and up to the node's own select the same paths: the longest that ends with `/`
/// reads best.
fn readable_prefix(path: &str, parent_length: usize, length: usize) -> &str {
    let end = path[parent_length..length].rfind('/').map_or(length, |at| parent_length + at + 1);
    &path[..end]
}

/// Bytes that two texts share at the beginning, cut to whole characters.
fn common_prefix(a: &str, b: &str) -> usize {
    let shared = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    (0..=shared).rev().find(|at| a.is_char_boundary(*at) && b.is_char_boundary(*at)).unwrap_or(0)
}

/// The best sums of two groups with up to `max` wildcards between them.
fn combine(a: &[u64], b: &[u64], max: usize) -> Vec<u64> {
    if b.len() == 1 {
        return a.to_vec();
    }
    let mut sums = vec![0; (a.len() + b.len() - 1).min(max + 1)];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate().take((max + 1).saturating_sub(i)) {
            sums[i + j] = sums[i + j].max(x + y);
        }
    }
    sums
}

/// With one wildcard more, at least as much is saved.
fn make_monotone(saved: &mut [u64]) {
    for index in 1..saved.len() {
        saved[index] = saved[index].max(saved[index - 1]);
    }
}
