"""Read thousands of networks on a Dask cluster into one file, going on where an earlier run was stopped.

Here the cluster is two threads of this machine. Needs: distributed (``pip install 'erfmath[sweep]'``).
"""

from dask.distributed import Client, LocalCluster

import erfmath as em


def networks():
    """Yield networks that differ in depth, kernel and where a stride is."""
    for depth in (4, 8, 12):
        for size in (3, 5, 7):
            for strided in range(depth):
                layers = [em.Conv((size, size), stride=1 + (i == strided)) for i in range(depth)]
                yield em.Series(layers)


def reading(net):
    """Return what is read of one network, a flat dictionary."""
    field = em.receptive_field(net)
    return {"field": field.size[0], "effective": em.effective_field(net).size}


if __name__ == "__main__":
    cluster = LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None)
    with cluster, Client(cluster) as client:
        options = {"out": "rows.jsonl", "executor": client.get_executor(), "progress": False}
        rows = em.sweep(networks(), reading, **options)
        again = em.sweep(networks(), reading, **options)  # nothing is done twice
    print(f"{len(rows)} networks, {rows.failed} failed, {len(again)} rows after a second run")
    ordered = sorted(rows, key=lambda row: row["effective"])
    for row in (ordered[0], ordered[-1]):
        print(f"{row['effective']:5.1f} of {row['field']:3} pixels: {row['network']}")
