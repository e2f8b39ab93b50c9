//! The tasks of a deploy, as the built program has them, on an environment whose AWS, Terraform and Cargo are played: what is looked
//! at before anything, what is asked about before it is done, and what is left in the summary of a job.

mod agreeing;
mod preflight;
mod stage;
mod summary;
