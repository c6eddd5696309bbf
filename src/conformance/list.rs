//! The list of all cases: each with the file that holds it and what a storage must be able to do for it to
//! apply.

/// Hands the list on to another macro. Not for use outside this crate.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_cases {
    ($($then:tt)*) => {
        $crate::__conformance_with! { [$($then)*]
            atomicity Nothing C1_a_provider_that_fails_leaves_the_session_as_it_was,
            atomicity Nothing C1_a_writer_that_is_dropped_leaves_the_session_as_it_was,
            atomicity Nothing C1_a_write_that_is_dropped_midway_leaves_the_session_as_it_was,
            atomicity Nothing C1_a_commit_that_is_dropped_midway_leaves_the_old_or_the_new,
            atomicity SessionBound C1_a_channel_that_failed_fails_the_commit,
            atomicity Nothing C1_half_a_write_is_never_seen,
            atomicity Nothing C1_a_long_session_overwritten_by_a_short_one_leaves_nothing_behind,
            atomicity Nothing C1_writes_at_once_of_one_session_never_mix,
            atomicity Nothing C1_a_failed_write_does_not_disturb_another_of_the_same_session,
            isolation Nothing C2_a_reader_keeps_its_revision_while_the_session_is_overwritten,
            isolation Nothing C2_a_reader_keeps_its_revision_while_the_session_is_invalidated,
            isolation Nothing C2_a_reader_keeps_its_revision_while_the_session_expires,
            isolation StorageBound C2_a_reader_keeps_its_revision_while_the_session_is_evicted,
            isolation Nothing C2_the_info_belongs_to_the_content,
            isolation Nothing C2_readers_at_once_do_not_disturb_each_other,
            missing Nothing C3_a_session_never_written_is_not_found_and_no_consumer_is_called,
            missing Nothing C3_an_invalidated_session_is_not_found,
            missing Nothing C3_an_expired_session_is_not_found,
            missing Nothing C3_an_empty_session_is_a_session,
            missing Nothing C3_a_consumer_gets_its_answer_back,
            missing Nothing C3_a_not_found_of_the_consumer_is_told_from_the_storages_own,
            missing Nothing C3_reading_creates_nothing,
            invalidation Nothing C4_invalidate_says_whether_a_session_was_there,
            invalidation Nothing C4_a_write_after_invalidate_makes_a_new_session,
            invalidation Nothing C4_only_the_session_named_is_invalidated,
            invalidation Nothing C4_invalidate_wins_over_a_write_in_flight,
            invalidation Nothing C4_a_write_in_flight_does_not_replace_a_session_made_anew,
            invalidation Nothing C4_every_write_in_flight_is_stopped,
            invalidation Nothing C4_invalidate_does_not_stop_a_write_of_another_session,
            invalidation Nothing C4_a_provider_may_invalidate_its_own_session,
            invalidation Nothing C4_invalidations_at_once_count_a_session_once,
            invalidation Nothing C4_a_commit_at_once_with_invalidate_leaves_nothing,
            invalidation Nothing C4_a_touch_does_not_bring_the_session_back,
            invalidation Nothing C4_a_storm_of_calls_never_brings_a_session_back,
            invalidation Conditional C4_a_conditional_write_in_flight_is_stopped_too,
            invalidation Tags C4_invalidating_by_tag_wins_over_a_write_in_flight,
            invalidation SharedConditional C4_invalidate_wins_over_a_write_in_flight_on_the_other_side,
            invalidation SharedConditional C4_a_write_in_flight_does_not_outlive_the_session_made_anew,
            revisions Nothing C5_the_storage_declares_what_it_can_do,
            revisions Nothing C5_each_write_makes_a_new_revision,
            revisions Nothing C5_a_revision_never_comes_back_with_a_session_made_anew,
            revisions Nothing C5_a_failed_write_makes_no_revision,
            revisions Nothing C5_touch_makes_no_revision,
            revisions NoConditional C5_a_condition_that_cannot_be_kept_is_refused,
            revisions Conditional C5_a_write_for_the_current_revision_succeeds,
            revisions Conditional C5_a_write_for_another_revision_conflicts_and_changes_nothing,
            revisions Conditional C5_a_write_for_a_revision_of_a_missing_session_conflicts,
            revisions Conditional C5_a_session_back_at_its_old_content_has_moved_on,
            revisions Conditional C5_the_condition_is_checked_when_the_write_commits,
            revisions Conditional C5_of_many_updates_of_one_revision_exactly_one_wins,
            revisions Conditional C5_of_many_creations_exactly_one_wins,
            revisions Conditional C5_a_counter_kept_by_conditional_writes_loses_nothing,
            revisions Conditional C5_a_conditional_write_may_be_given_up,
            revisions SharedConditional C5_of_many_conditional_writes_on_two_sides_exactly_one_wins,
            channel Nothing C6_a_provider_need_not_close_its_channel,
            channel Nothing C6_a_provider_may_close_its_channel_and_no_more_is_taken,
            channel Nothing C6_a_consumer_may_stop_early,
            channel Nothing C6_writers_given_up_hold_nothing_back,
            channel Nothing C6_a_channel_left_open_holds_up_nobody,
            channel Nothing C6_content_passes_byte_for_byte_in_chunks_of_any_size,
            channel Nothing C6_a_channel_read_to_its_end_stays_ended,
            channel Nothing C6_a_channel_may_move_between_tasks,
            expiry Nothing C7_a_session_expires_when_it_was_idle_for_too_long,
            expiry Nothing C7_a_session_expires_at_its_age_whatever_happens,
            expiry Nothing C7_the_earlier_of_both_clocks_counts,
            expiry Nothing C7_writing_is_activity_when_it_ends,
            expiry Nothing C7_reading_is_not_activity,
            expiry Nothing C7_a_write_that_fails_is_no_activity,
            expiry Nothing C7_touch_is_activity_and_changes_nothing_else,
            expiry Nothing C7_a_touch_does_not_disturb_a_write_in_flight,
            expiry Nothing C7_the_storages_timeouts_are_those_of_new_sessions,
            expiry Nothing C7_an_overwrite_keeps_the_timeouts_unless_it_says,
            expiry Nothing C7_the_time_of_creation_survives_overwrites,
            expiry Nothing C7_a_session_written_after_it_expired_is_a_new_one,
            expiry Nothing C7_no_way_to_an_expired_session_is_left,
            expiry Nothing C7_sweep_removes_only_what_has_expired,
            expiry Nothing C7_timeouts_that_make_no_sense_are_refused,
            expiry Nothing C7_long_and_short_timeouts_are_kept_exactly,
            expiry Nothing C7_a_clock_that_goes_back_ends_nothing_early,
            expiry Nothing C7_a_session_found_expired_stays_gone_when_the_clock_goes_back,
            expiry Nothing C7_a_clock_that_jumps_ahead_and_back_keeps_what_nobody_missed,
            ids Nothing C8_any_id_is_taken_and_none_is_mistaken_for_another,
            ids Nothing C8_ids_show_in_no_debug_or_info,
            ids Nothing C8_ids_show_in_no_error,
            ids Nothing C8_generated_ids_differ,
            durability Nothing C9_what_a_commit_tells_is_what_is_read,
            durability Nothing C9_a_read_after_a_write_sees_it,
            durability Nothing C9_two_hundred_writes_at_once_are_all_there,
            durability Nothing C9_storages_made_apart_share_nothing,
            durability Durable C9_a_session_outlives_the_storage,
            durability Durable C9_a_revision_never_comes_back_after_reopening,
            durability Shared C9_what_is_written_on_one_side_is_read_on_the_other,
            bounds SessionBound C10_content_of_the_largest_size_is_taken_and_a_byte_more_is_not,
            bounds SessionBound C10_an_endless_provider_is_stopped,
            bounds StorageBound C10_a_full_storage_evicts_the_least_recently_used,
            bounds StorageBound C10_a_write_in_a_full_storage_evicts_no_more_than_it_must,
            bounds StorageBoundConditional C10_a_conflict_evicts_nobody,
            bounds StorageBound C10_the_bytes_of_all_sessions_are_bounded,
            bounds StorageBound C10_a_full_storage_that_rejects_loses_nothing,
            bounds StorageBound C10_a_storage_full_of_expired_sessions_takes_a_new_one,
            bounds StorageBound C10_the_numbers_add_up,
            robustness Nothing C11_a_provider_may_use_the_storage,
            robustness Nothing C11_a_consumer_may_use_the_storage,
            robustness Nothing C11_reads_and_writes_may_be_nested_deeply,
            robustness Nothing C11_a_slow_session_does_not_hold_up_another,
            robustness Nothing C11_many_calls_in_flight_at_once_all_end,
            robustness Nothing C11_a_clock_that_fails_leaves_everything_as_it_was,
            robustness Nothing C11_a_clock_may_use_the_storage,
            robustness Nothing C11_a_clock_at_either_end_of_time_loses_nothing,
            robustness Nothing C11_after_close_every_call_is_refused,
            robustness Nothing C11_calls_in_flight_at_close_end,
            robustness Nothing C11_a_failure_of_one_call_does_not_fail_the_next,
            corruption Damage C12_a_damaged_record_is_told_from_a_missing_one,
            corruption Damage C12_a_damaged_record_can_be_replaced,
            corruption Damage C12_a_damaged_record_can_be_invalidated,
            corruption Damage C12_a_damaged_record_is_not_made_whole_by_a_touch,
            corruption Damage C12_a_damaged_record_does_not_stop_the_sweep,
            tags NoTags C13_tags_that_cannot_be_kept_are_refused,
            tags Tags C13_tagged_sessions_are_listed_and_invalidated,
            tags Tags C13_info_tells_the_tags_in_their_order,
            tags Tags C13_an_overwrite_keeps_replaces_or_drops_the_tags,
            tags Tags C13_a_write_that_fails_leaves_the_tags,
            tags Tags C13_a_session_that_is_gone_leaves_its_tags,
            tags StorageBoundTags C13_an_evicted_session_leaves_its_tags,
            tags Tags C13_tags_of_any_text_are_kept_apart,
            tags Tags C13_a_tag_that_is_none_cannot_be_asked_for,
            tags Tags C13_sessions_committed_at_once_are_all_found,
            tags Tags C13_a_commit_at_once_with_invalidate_leaves_no_tag_behind,
        }
    };
}

/// What the list is handed to.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_with {
    ([table] $($file:ident $need:ident $name:ident,)*) => {
        &[$(Case {
            name: stringify!($name),
            need: Need::$need,
            check: |trial| Box::pin($file::$name(trial)),
        }),*]
    };
    ([# $attribute:tt async $harness:expr] $($file:ident $need:ident $name:ident,)*) => {
        $(
            #[allow(non_snake_case)]
            # $attribute
            async fn $name() -> ::core::result::Result<(), $crate::conformance::Broken> {
                $crate::conformance::__check(::std::boxed::Box::new($harness), stringify!($name)).await
            }
        )*
    };
    ([# $attribute:tt $run:expr, $harness:expr] $($file:ident $need:ident $name:ident,)*) => {
        $(
            #[allow(non_snake_case)]
            # $attribute
            fn $name() -> ::core::result::Result<(), $crate::conformance::Broken> {
                let run = $run;
                run($crate::conformance::__check(::std::boxed::Box::new($harness), stringify!($name)))
            }
        )*
    };
}
