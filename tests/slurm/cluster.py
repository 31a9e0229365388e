"""A real SLURM of one node on the loopback interface, for as long as a `with` block lasts.

No systemd, nothing outside its own folder, ports that are free; needs root and Debian's packages
slurm-wlm and munge, with accounting slurmdbd and mariadb-server too.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

# Ends a daemon with the process that started it, even if that was killed.
_WITH_ITS_PARENT = ("setpriv", "--pdeathsig", "TERM")
_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "setpriv")
_ACCOUNTING = ("slurmdbd", "mariadbd", "mariadb-install-db", "mariadb-admin", "sacctmgr")
os.environ["PATH"] += os.pathsep + os.pathsep.join(("/usr/sbin", "/sbin"))

# cred_expire: a requeued job waits that long and a bit before it starts again, two minutes else.
# config_overrides: four CPUs, whatever the machine has.
_SLURM = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
SlurmctldPort={controller}
SlurmdPort={node}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=100000
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=none
SwitchType=switch/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=5
{signals}
{accounting}
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=4000 State=UNKNOWN
PartitionName=low Nodes={host} Default=YES PriorityTier=1 PreemptMode=REQUEUE GraceTime=20
PartitionName=high Nodes={host} PriorityTier=10 PreemptMode=OFF
"""
_SLURMDBD = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={accounting}
SlurmUser=root
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
"""


def missing(accounting: bool) -> str:
    """Why no cluster can be started here; empty if one can."""
    if os.geteuid() != 0:
        return "SLURM's daemons need root"
    programs = _PROGRAMS + (_ACCOUNTING if accounting else ())
    absent = [name for name in programs if shutil.which(name) is None]
    packages = "slurm-wlm munge slurmdbd mariadb-server"
    return f"no {', '.join(absent)}: apt-get install {packages}" if absent else ""


@dataclass(frozen=True)
class Cluster:
    """A running cluster; `SLURM_CONF` names it to the commands of this process."""

    folder: Path
    settings: dict[str, str]

    def preempt_by(self, signum: signal.Signals) -> None:
        """Which signal a job gets when it is preempted: SIGTERM, or SIGUSR2 as --signal asks."""
        self.write_configuration(signum)
        command("scontrol", "reconfigure")

    def write_configuration(self, preempted_by: signal.Signals) -> None:
        """Write slurm.conf, for daemons and commands."""
        usual = preempted_by == signal.SIGTERM
        signals = "" if usual else "SlurmctldParameters=preempt_send_user_signal"
        text = _SLURM.format(**self.settings, signals=signals)
        (self.folder / "slurm.conf").write_text(text, encoding="utf-8")


def command(*words: str) -> str:
    """What a command prints; it must succeed."""
    ended = subprocess.run(words, text=True, capture_output=True, timeout=60)
    assert ended.returncode == 0, f"{words}: {ended.stdout}{ended.stderr}"
    return ended.stdout


@contextmanager
def running(accounting: bool) -> Iterator[Cluster]:
    """Start a cluster and end it, with all its jobs."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)  # munge wants its socket to be within everyone's reach
    names = ("controller", "node", "accounting", "database")
    ports = dict(zip(names, map(str, _free_ports(len(names))), strict=True))
    keeps = (
        f"AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=127.0.0.1\n"
        f"AccountingStoragePort={ports['accounting']}\nAccountingStoragePass={folder}/munge.socket"
    )
    settings = {**ports, "folder": str(folder), "host": socket.gethostname().split(".")[0]}
    cluster = Cluster(folder, {**settings, "accounting": keeps if accounting else ""})
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    try:
        with ExitStack() as daemons:
            daemons.enter_context(_munge(folder))
            cluster.write_configuration(signal.SIGUSR2)
            if accounting:
                daemons.enter_context(_database(folder, ports["database"]))
                text = _SLURMDBD.format(folder=folder, **ports)
                (folder / "slurmdbd.conf").write_text(text, encoding="utf-8")
                (folder / "slurmdbd.conf").chmod(0o600)
                daemons.enter_context(_daemon(folder, "slurmdbd", "-D"))
                _until("sacctmgr", "-n", "-i", "show", "cluster")
                command("sacctmgr", "-i", "add", "cluster", "loopback")
            daemons.enter_context(_daemon(folder, "slurmctld", "-D"))
            daemons.enter_context(_daemon(folder, "slurmd", "-D"))
            _until("sinfo", "-h", "-o", "%T", said="idle")
            yield cluster
            _cancel_all()
    finally:
        if before is None:
            del os.environ["SLURM_CONF"]
        else:
            os.environ["SLURM_CONF"] = before
        shutil.rmtree(folder, ignore_errors=True)


def _cancel_all() -> None:
    deadline = time.monotonic() + 15
    while jobs := command("squeue", "-h", "-o", "%A").split():
        subprocess.run(["scancel", "--signal=KILL", "--full", *jobs], capture_output=True)
        subprocess.run(["scancel", *jobs], capture_output=True)
        assert time.monotonic() < deadline, f"jobs that do not end: {jobs}"
        time.sleep(0.3)


@contextmanager
def _munge(folder: Path) -> Iterator[None]:
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    paths = [
        f"--{name}={folder}/munge.{name.partition('-')[0]}" for name in ("pid-file", "log-file")
    ]
    with _daemon(
        folder, "munged", "--foreground", "--force", f"--key-file={key}",
        f"--socket={folder}/munge.socket", f"--seed-file={folder}/munge.seed", *paths,
    ):  # fmt: skip
        _until("munge", "-n", f"--socket={folder}/munge.socket")
        yield


@contextmanager
def _database(folder: Path, port: str) -> Iterator[None]:
    at, own = f"--socket={folder}/database.socket", folder / "database-temporary"
    own.mkdir()
    # A server that starts deletes what lies in its temporary folder, another server's files too.
    places = (f"--datadir={folder}/database", f"--tmpdir={own}")
    command(
        "mariadb-install-db", "--no-defaults", "--user=root", *places,
        "--auth-root-authentication-method=normal", "--skip-test-db",
    )  # fmt: skip
    with _daemon(
        folder, "mariadbd", "--no-defaults", "--user=root", *places, at,
        "--bind-address=127.0.0.1", f"--port={port}", "--innodb-buffer-pool-size=64M",
    ):  # fmt: skip
        _until("mariadb-admin", "--no-defaults", at, "ping")
        user = "slurm@'127.0.0.1'"
        grant = f"create user {user} identified by 'slurm'; grant all on slurm_acct_db.* to {user};"
        command("mariadb", "--no-defaults", at, "-e", grant)
        yield


@contextmanager
def _daemon(folder: Path, name: str, *arguments: str) -> Iterator[None]:
    with open(folder / f"{name}.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*_WITH_ITS_PARENT, name, *arguments],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until(*words: str, said: str = "") -> None:
    deadline = time.monotonic() + 30
    while True:
        ended = subprocess.run(words, text=True, capture_output=True)
        if ended.returncode == 0 and re.search(said, ended.stdout):
            return
        assert time.monotonic() < deadline, f"{words}: {ended.stdout}{ended.stderr}"
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
