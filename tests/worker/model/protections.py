"""What a worker does so that nothing is lost or counted twice; each can be left out."""

from typing import NamedTuple


class Protections(NamedTuple):
    """The rules of the worker; all of them hold by default.

    Attributes:
        voids: over a new connection all batches under way come to nothing. Without it, they go on
            where the marks are not below the committed offsets.
        marks_behind: a mark goes first in the next pipeline. Without it, it goes last in the
            pipeline of its own batch.
        looks_at_assignments: marks are read when partitions come, over an old connection too.
        looks_at_connections: nothing is sent over a new connection before the marks are read.
        marks_first: a stream without a mark gets one before its first calls.
        looks_when_idle: Redis is probed while no records come.
        replays: records from the mark to the committed offset are applied once more.
        forgets_marks: over a new connection, marks that are not written yet are dropped.
        stores_outputs: a call stores what it answers, until that is committed.
    """

    voids: bool = True
    marks_behind: bool = True
    looks_at_assignments: bool = True
    looks_at_connections: bool = True
    marks_first: bool = True
    looks_when_idle: bool = True
    replays: bool = True
    forgets_marks: bool = True
    stores_outputs: bool = True


ALL = Protections()

#: Each row of the table: what is left out, in words.
LEFT_OUT: dict[str, Protections] = {
    "marks are compared with the committed offset only, batches go on": ALL._replace(voids=False),
    "the mark goes last in its own pipeline": ALL._replace(marks_behind=False),
    "no look when partitions come over an old connection": ALL._replace(looks_at_assignments=False),
    "no look before the retry over a new connection": ALL._replace(looks_at_connections=False),
    "no first mark": ALL._replace(marks_first=False),
    "no look while idle": ALL._replace(looks_when_idle=False),
    "no replay of what was lost": ALL._replace(replays=False),
    "marks that are due survive a new connection": ALL._replace(forgets_marks=False),
    "outputs are not stored": ALL._replace(stores_outputs=False),
}
