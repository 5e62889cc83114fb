"""What must hold of every job that a crash has passed, whichever flow it was in."""

from tests.faults.crash.scene import GRANTED, Scene

TERMINAL = ("enrichment.completed", "enrichment.failed", "enrichment.cancelled")


async def broken_jobs(scene: Scene, workspace_id: int, *, jobs: int, lookups: int) -> list[str]:
    """Return what is wrong with the jobs of a workspace, which should be so many in all."""
    row = await scene.pool.fetchrow(
        """
        select w.balance,
          (select coalesce(sum(amount), 0) from ledger g where g.workspace_id = w.id) as entered,
          (select count(*) from ledger g
             where g.workspace_id = w.id and kind = 'charge') as charges,
          (select count(*) from jobs j where j.workspace_id = w.id) as jobs,
          (select count(*) from jobs j where j.workspace_id = w.id and price > 0
             and lookup_count > 0) as priced,
          (select count(*) from lookups l where l.workspace_id = w.id) as lookups,
          (select count(*) from lookups l
             where l.workspace_id = w.id and state <> 'settled') as open,
          (select coalesce(sum(j.price), 0) from lookups l join jobs j on j.id = l.job_id
             where l.workspace_id = w.id and outcome = 'found') as kept,
          (select count(*) from (
             select id from lookups l where l.workspace_id = w.id and outcome <> 'found'
               and exists (select from jobs j where j.id = l.job_id and j.price > 0)
             except
             select lookup_id from ledger g where g.workspace_id = w.id and kind = 'refund') x)
            as unrefunded,
          (select count(*) from events e where e.workspace_id = w.id and type = any($2)) as told
        from workspaces w where w.id = $1
        """,
        workspace_id,
        list(TERMINAL),
    )
    if row is None:
        return ["the workspace is gone"]
    wrong = {
        "balance is the ledger's sum": row["balance"] == row["entered"],
        "balance is what was granted less what was kept": row["balance"] == GRANTED - row["kept"],
        f"there are {jobs} jobs, not {row['jobs']}": row["jobs"] == jobs,
        "each priced job was charged once": row["charges"] == row["priced"],
        f"there are {lookups} lookups, not {row['lookups']}": row["lookups"] == lookups,
        "every lookup is settled": row["open"] == 0,
        "what was not found was refunded": row["unrefunded"] == 0,
        f"each job has one terminal event, not {row['told']}": row["told"] == jobs,
    }
    return [sentence for sentence, holds in wrong.items() if not holds]


async def broken_hooks(scene: Scene, workspace_id: int) -> list[str]:
    """Return what is wrong with the webhooks that came for the jobs of a workspace."""
    due = await scene.pool.fetch(
        "select d.event_id, d.state, d.sequence from deliveries d where d.workspace_id = $1",
        workspace_id,
    )
    came = scene.inbox.of(str(workspace_id))
    missing = {f"evt_{row['event_id'].hex}" for row in due} - {each.event_id for each in came}
    undelivered = [row["state"] for row in due if row["state"] != "delivered"]
    wrong = []
    if missing:
        wrong.append(f"{len(missing)} events never came")
    if undelivered:
        wrong.append(f"deliveries ended as {undelivered}")
    if len({each.body_sha256 for each in came}) != len({each.event_id for each in came}):
        wrong.append("an event came with more than one body")
    numbers = sorted({each.sequence or 0 for each in came})
    if numbers != list(range(1, len(numbers) + 1)):
        wrong.append(f"the sequence has a gap: {numbers}")
    return wrong
