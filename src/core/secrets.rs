//! stub
pub struct SecretScanner;
pub struct F;
impl std::fmt::Display for F {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}
impl SecretScanner {
    pub fn new() -> Self {
        Self
    }
    pub fn update(&mut self, _: &[u8]) {}
    pub fn finish(self) -> Vec<F> {
        vec![]
    }
}
pub fn is_secret_name(_: &str) -> bool {
    false
}
