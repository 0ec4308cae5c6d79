//! What the protocol does to be safe, each as a switch, so that it can be shown what it is for.

/// The protections of the protocol. All are on by default; each alone, when off, lets the model
/// find a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "a switch is what each of them is")]
pub struct Protections {
    /// The pointer flips after the catalog. Off: before.
    pub catalog_before_flip: bool,
    /// The catalog is written only with enough of the lease left. Off: whenever the swap is so far.
    pub catalog_under_lease: bool,
    /// A finished swap's lease keeps the next one waiting. Off: the flip gives it up.
    pub lease_outlives_swap: bool,
    /// A partition is registered before its pointer is made. Off: after.
    pub partition_before_pointer: bool,
    /// The name of a file tells the plan. Off: the source and part only.
    pub plan_in_name: bool,
    /// An attempt that lost the race to commit deletes nothing. Off: it deletes what it wrote.
    pub losers_delete_nothing: bool,
    /// The plan in the ledger binds every attempt until a take-over. Off: each follows its own, and
    /// sweeps the files of others before it commits.
    pub claim_binds: bool,
    /// A generation's number is never given twice. Off: an abandoned one's is.
    pub generations_are_unique: bool,
    /// A merge whose output was not seen gives the generation up. Off: the inputs are copied.
    pub failed_merge_abandons: bool,
    /// `next` stands in the pointer before the location is listed. Off: after.
    pub next_before_list: bool,
    /// Files are written to `next`, too. Off: to the current location only.
    pub writes_to_both: bool,
    /// The pointer is read again after a file was written. Off: it is believed.
    pub reads_pointer_again: bool,
    /// Only files whose commit is older than the settle time are merged. Off: all committed ones.
    pub merges_only_settled: bool,
    /// The settle time runs from the commit. Off: from the writing of the file.
    pub settles_from_commit: bool,
    /// The copy tests a file's age before it reads the ledger. Off: after.
    pub age_before_ledger: bool,
    /// A take-over waits for the settle time. Off: it goes on at once.
    pub take_over_waits: bool,
    /// A file is always written. Off: not where it is already.
    pub writes_always: bool,
    /// What is replaced is kept until no reader can hold it. Off: until the vacuum comes.
    pub grace: bool,
    /// A file is copied within the settle time of the look at the ledger. Off: whenever.
    pub copies_in_time: bool,
    /// A file without a ledger entry is copied: entries expire. Off: it is dropped.
    pub missing_entry_is_no_evidence: bool,
    /// Entries expire once they are committed. Off: also those of attempts that died.
    pub claims_never_expire: bool,
    /// Before a source that was taken over as superseded is committed as such, it is opened once
    /// more. Off: it is believed to be gone.
    pub opens_before_superseding: bool,
    /// A superseded source that came back waits until its last commit is older than the settle
    /// time. Off: it is claimed at once.
    pub reopening_waits: bool,
}

impl Protections {
    /// All of them.
    pub const ALL: Self = Self {
        catalog_before_flip: true,
        catalog_under_lease: true,
        lease_outlives_swap: true,
        partition_before_pointer: true,
        plan_in_name: true,
        losers_delete_nothing: true,
        claim_binds: true,
        generations_are_unique: true,
        failed_merge_abandons: true,
        next_before_list: true,
        writes_to_both: true,
        reads_pointer_again: true,
        merges_only_settled: true,
        settles_from_commit: true,
        age_before_ledger: true,
        take_over_waits: true,
        writes_always: true,
        grace: true,
        copies_in_time: true,
        missing_entry_is_no_evidence: true,
        claims_never_expire: true,
        opens_before_superseding: true,
        reopening_waits: true,
    };
}

impl Default for Protections {
    fn default() -> Self {
        Self::ALL
    }
}
