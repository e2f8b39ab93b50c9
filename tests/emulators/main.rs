//! The same end-to-end promises against implementations of S3 and CloudFront that nobody here wrote.
//!
//! The program is run as a user runs it; what it left is looked at through the AWS SDK, never through its own code.
//! Where an emulator departs from AWS, [`lies`] and its neighbors say so by name, and docs/emulators.md links what AWS documents.

#[path = "../support/mod.rs"]
mod support;

mod conditions;
#[path = "../support/dns.rs"]
mod dns;
mod doctor;
mod domains;
mod domains_moving;
mod domains_waiting;
mod edge;
mod emulator;
mod least;
mod lies;
mod lies_of_policies;
mod meddler;
mod observe;
mod order;
mod paging;
mod permissions;
mod publishing;
mod races;
mod repair;
mod spelling;
mod visitors;
mod way_back;
mod weather;
mod witness;

/// Runs each promise against each emulator, as `moto::NAME` and `ministack::NAME`.
macro_rules! promises {
    ($($module:ident: $($promise:ident)*;)*) => {
        mod moto {
            $($(#[test] fn $promise() { crate::$module::$promise(&crate::emulator::Emulator::moto()); })*)*
        }
        mod ministack {
            $($(#[test] fn $promise() { crate::$module::$promise(&crate::emulator::Emulator::ministack()); })*)*
        }
    };
}

promises! {
    publishing:
        a_first_push_publishes_every_byte_and_header
        metadata_and_encodings_arrive_as_announced_and_change_without_the_body
        the_same_build_again_writes_nothing
        an_edit_writes_the_edited_file_and_no_other
        a_new_bundle_keeps_the_old_one_for_open_pages
        a_dropped_page_goes_and_objects_of_others_stay
        a_prefix_is_a_fence
        special_keys_arrive_as_they_are
        large_files_go_in_parts_and_arrive_whole
        a_bucket_that_does_not_exist_is_named;
    spelling:
        the_headers_of_s3_are_spelled_as_in_its_reference;
    races:
        conditional_writes_are_refused_when_the_object_moved
        a_plan_made_before_another_push_is_refused
        of_two_pushes_that_read_the_same_lock_one_wins
        of_two_first_pushes_that_find_no_lock_one_wins
        a_commit_over_a_manifest_that_moved_is_refused
        two_pushes_started_together_never_interleave
        a_lock_held_by_somebody_else_is_respected;
    order:
        pages_come_after_their_files_then_the_record_then_the_caches_then_the_deletions
        a_push_killed_after_a_change_leaves_a_whole_site_and_the_next_one_finishes_it;
    weather:
        through_latency_throttles_and_resets_the_site_arrives_and_nothing_twice;
    repair:
        a_bucket_that_something_else_filled_is_adopted
        a_strangers_object_under_the_name_of_a_new_file_is_found_and_then_taken
        drift_is_repaired_and_headers_without_their_body;
    paging:
        more_than_a_page_of_objects_is_adopted_and_more_than_a_request_takes_is_deleted;
    way_back:
        a_rollback_copies_the_earlier_versions
        without_versioning_the_plan_names_the_promise
        without_versions_a_rollback_is_refused_before_anything_changes
        prune_deletes_what_no_kept_release_needs;
    edge:
        a_changed_page_is_invalidated_under_all_its_paths
        an_invalidation_that_failed_is_made_by_the_next_run
        paths_are_invalidated_by_hand;
    domains:
        names_are_set_up_and_taken_back_in_a_zone_full_of_others
        records_of_others_are_left_alone_and_taken_over_on_demand
        a_name_of_another_distribution_is_named
        a_run_killed_after_any_change_is_finished_by_the_next
        a_saved_plan_of_names_is_carried_out_exactly_or_refused
        a_missing_permission_is_named_by_its_action
        a_used_up_quota_and_a_taken_alias_are_told_with_what_to_do
        where_the_zone_takes_no_https_records_the_rest_is_done;
    visitors:
        what_a_bucket_gives_to_strangers_is_held_against_the_record;
}
