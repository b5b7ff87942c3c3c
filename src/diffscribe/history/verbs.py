"""The verbs that a subject of CommitPackFT may begin with.

Source: the filter of CommitPackFT in bigcode-project/octopack, MIT.
"""

_VERBS = """
    abort accelerate access accumulate add address adjust advance align allot allow
    amplify annotate append apply archive arrange attach augment automate backup
    boost break bring build bump call change check choose clarify clean clear clone
    comment complete compress concatenate configure connect consolidate convert copy
    correct cover create customize cut debug decipher declare decommission
    decomplexify decompress decrease decrypt define delete deploy designate destroy
    detach determine develop diminish disable discard disentangle dismantle divide
    document downgrade drop duplicate edit embed emphasize enable encrypt enforce
    enhance enlarge enumerate eradicate escalate establish exclude exit expand
    expedite expire extend facilitate fix format gather generalize halt handle
    hasten hide implement improve include increase increment indent index inflate
    initialize insert install integrate interpolate interrupt introduce isolate join
    kill leverage load magnify maintain make manage mark mask mend merge migrate
    modify monitor move multiply normalize optimize orchestrate order package
    paraphrase paste patch plug prepare prepend print provision purge put quit raise
    read reannotate rearrange rebase reboot rebuild recomment recompile reconfigure
    reconnect rectify redact redefine reduce refactor reformat refresh reimplement
    reinforce relocate remove rename reorder reorganize repackage repair rephrase
    replace reposition reschedule reset reshape resolve restructure return revert
    revise revoke reword rework rewrite rollback save scale scrub secure select send
    set settle simplify solve sort split stabilize standardize stipulate stop store
    streamline strengthen structure substitute subtract support swap switch
    synchronize tackle tag terminate test throw tidy transform transpose trim
    troubleshoot truncate tweak unblock uncover undo unify uninstall unplug
    unpublish unravel unstage unsync untangle unwind update upgrade use validate
    verify watch watermark whitelist withdraw work write
"""
_PHRASES = ("brush up", "deal with", "speed up")
COMMITPACKFT_VERBS = tuple(f"{verb} " for verb in (*_VERBS.split(), *_PHRASES))
"""In small letters, each with the space after it."""
