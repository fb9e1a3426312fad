"""Commands that make a run.

curate        a run, or with --dry-run (`dry_run`) an estimate of what it would keep
demo          the same on a small web drawn for the purpose
worker_pool   forks Beam's workers for a cluster's task managers
"""
