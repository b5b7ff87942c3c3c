"""The verbs that an imperative subject begins with."""

_VERBS = """
    abort abstract accept access account acknowledge activate adapt add address adjust
    adopt advance advertise aggregate align allow alter always amend annotate answer
    append apply archive ask assert assign assume attach audit authenticate avoid
    await backport balance ban base batch begin benchmark bind block boost bound
    break bring broaden buffer build bump bundle bypass cache calculate call cancel
    cap capture carry cast catch centralise centralize change check choose clamp
    clarify clean cleanup clear clone close coerce collapse collect combine comment
    commit compact compare compile complete compress compute condense configure
    confirm connect consider consolidate constrain construct consume continue convert
    copy correct count cover create customise customize cut deactivate debug
    declare decode decouple decrease deduplicate default defer define delay delegate
    delete demote denote deny depend deploy deprecate derive describe deserialize
    detach detect determine differentiate disable disallow discard disconnect display
    distinguish distribute document don download downgrade drop dump duplicate edit
    elide eliminate embed emit enable encapsulate encode encourage encrypt end enforce
    enhance enlarge ensure enter enumerate error escape establish evaluate exclude
    execute exempt exercise exit expand expect explain explicitly expose export
    express extend extract fail favor favour fetch fill filter finalise finalize find
    finish fix flag flatten flip flush focus fold follow forbid force format forward
    free freeze gate gather generalise generalize generate get give grant group guard
    handle hard harden have help hide highlight hoist hold honor honour hook identify
    ignore implement import improve include increase increment indent indicate infer
    inform inherit init initialise initialize inject inline insert inspect install
    instantiate instrument integrate introduce invalidate invert invoke isolate
    iterate join keep kill label launch lazily leave lengthen let lift limit link lint
    list listen load localise localize lock log look loosen lose lower make manage map
    mark mask match measure memoize mention merge migrate mimic minify minimise
    minimize mirror mock modernise modernize modify monitor mount move multiply mute
    name narrow never normalise normalize note notify omit open optimise optimize
    order organise organize output overhaul overload override overwrite pack pad parse
    parametrise parametrize pass patch perform permit persist pick pin place plug
    point polish poll pop populate port postpone prefer prefix prepare prepend
    preserve prevent print prioritise prioritize probe produce prohibit promote
    propagate protect prove provide prune publish pull purge push put qualify query
    queue quote raise randomise randomize rate reach read realign reapply rearrange
    rebase rebuild recalculate recognise recognize recommend record recover recreate
    redirect redraw reduce reenable refactor refer reference refine reflect reformat
    refresh refuse register reinstate reject relax release relocate rely remember
    remove rename render reorder reorganise reorganize repair replace replicate report
    represent request require reset resize resolve respect restart restore restrict
    restructure resume retain retire retry return reuse revamp reverse revert review
    revise reword rework rewrite roll rotate round route run sanitise sanitize save
    say scale scan schedule scope score scroll search secure select send separate
    serialise serialize serve set setup shadow share shift ship shorten show shrink
    shut silence simplify skip slice slim sort spawn specialise specialize specify
    speed split stabilise stabilize stage standardise standardize start state stop
    store stream streamline strengthen strip structure stub style submit substitute
    suggest support suppress swap switch sync synchronise synchronize tag take target
    teach tell terminate test throttle throw tidy tie tighten time toggle tolerate
    track trade train transfer transform translate transpose treat trigger trim truncate
    try tune turn tweak type unblock uncomment undo unify uninstall unwrap update
    upgrade upload use utilise utilize validate vendor verify version wait walk warm
    warn weaken widen wire work wrap write yield
"""

IMPERATIVES = frozenset(_VERBS.split()) | {"don't", "do"}
"""Base forms in both spellings; `don` is what stands before the apostrophe."""
