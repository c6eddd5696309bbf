//! The ways in which a storage can be wrong, each of which a case must find.

/// One mistake, made on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A storage that is right, so that what fails below fails for its flaw.
    Nothing,

    // C1
    CommitsOnDrop,
    ShowsHalfAWrite,
    SwallowsChannelErrors,
    LeavesATail,
    MixesWrites,
    CommitsInTwoSteps,
    KeepsTheLastChunk,
    OneWriteSpoilsAnother,

    // C2
    ReadsWhatIsThereNow,
    TellsTheInfoOfNow,
    OneCursorForAllReaders,

    // C3
    TakesMissingForEmpty,
    TakesEmptyForMissing,
    ReadingCreates,
    ReadsOnce,

    // C4
    KnowsNoFence,
    InvalidateFindsAlways,
    InvalidateForgets,
    InvalidateTakesAll,
    FencesEverybody,
    TouchBringsBack,
    LooksThenInvalidates,
    HidesTheInvalidated,
    ForgetsTagsFence,

    // C5
    BoastsOfWhatItCannot,
    NamesRevisionsAfterContent,
    ChecksThenWrites,
    ChecksAtTheBeginning,
    IgnoresConditions,
    RefusesConditions,
    PretendsConditions,
    TouchMakesARevision,
    BeginMakesARevision,
    LeasesForever,

    // C6
    WantsTheChannelClosed,
    ClosingDiscards,
    ReadersHoldHandles,
    WritersHoldHandles,
    ReadersLockOut,
    IsInTextMode,
    ReadersStartAgain,

    // C7
    NeverExpires,
    ReadingIsActivity,
    IdleIsAbsolute,
    AbsoluteIsIdle,
    ForgetsTimeouts,
    IgnoresDefaults,
    OverwritesByRemoving,
    CountsIn32Bits,
    TakesNonsense,
    HidesTheExpired,
    ClockOnlyGoesForward,
    SweepsAll,
    TouchDoesNothing,
    TouchFindsAlways,
    TouchStopsWrites,
    BeginIsActivity,

    // C8
    LowersIds,
    ShowsIdsInDebug,
    ShowsIdsInErrors,

    // C9
    TellsOfNoTimeout,
    CommitsLater,
    LastOfThoseAtOnceWins,
    OneForAll,
    ForgetsWhenReopened,
    EachSideCaches,

    // C10
    NoSessionLimit,
    NoStorageLimit,
    LimitOffByOne,
    WhenFullTurnedRound,
    BeginTakesRoom,
    ConflictTakesRoom,
    CountsTwice,

    // C11
    LocksWhileWriting,
    LocksWhileReading,
    WritesBeforeAskingTheClock,
    ClockWithinItsLock,
    ClockWithALimit,
    NeverCloses,
    ClosedIsAFailure,
    PoisonedByAFailure,
    ConflictIsAFailure,

    // C12
    CorruptIsMissing,
    CorruptStaysOnWrite,
    CorruptStaysOnInvalidate,
    TouchHeals,
    SweepMeetsCorrupt,

    // C13
    PretendsTags,
    ForgetsTags,
    DropsTagsOnOverwrite,
    KeepsOldTags,
    TagsOutliveSessions,
    SortsTags,
    LowersTags,
    TakesAnyTag,
    BeginTags,
}
