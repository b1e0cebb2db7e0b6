#!/usr/bin/env python3
"""SIP load against Tandem and, at the same rate in the same run, against Kamailio.

Prints `bench<TAB>name<TAB>value<TAB>unit` lines. CPU is the server's alone, all its processes and threads, from
/proc/PID/task/*/schedstat; a figure is the median of several rounds. Everything stays on 127.0.0.1 and is bounded
in number and time. Wants target/release/tandem, sipp, and kamailio for the comparison.

  tests/bench/sip.py [calls] [registrations] [memory]
"""
import glob, hashlib, json, os, random, shutil, signal, socket, statistics, subprocess, sys, tempfile, time, urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TANDEM = os.path.join(ROOT, 'target/release/tandem')
TMP = tempfile.mkdtemp(prefix='tandem-bench-')
ENV = dict(os.environ, TERM='dumb')
SIP, HTTP = 35070, 35071
ROUNDS = int(os.environ.get('ROUNDS', '3'))
RATE = int(os.environ.get('RATE', '200'))
PHONES = 10_000
TOKEN = 'bench-token-of-a-benchmark-only'


def say(name, value, unit):
    print(f'bench\t{name}\t{value}\t{unit}', flush=True)


def child(*args, **more):
    quiet = dict(cwd=TMP, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENV)
    return subprocess.Popen(args, **{**quiet, **more})


def tree(pid):
    """The process and its children."""
    pids = [pid]
    for path in glob.glob('/proc/[0-9]*/stat'):
        try:
            fields = open(path).read().rsplit(')', 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            pids.append(int(path.split('/')[2]))
    return pids


def cpu(pids):
    """Seconds of CPU these processes have had."""
    total = 0
    for pid in pids:
        for path in glob.glob(f'/proc/{pid}/task/*/schedstat'):
            try:
                total += int(open(path).read().split()[0])
            except OSError:
                pass
    return total / 1e9


def resident(pid):
    """KiB resident."""
    for line in open(f'/proc/{pid}/status'):
        if line.startswith('VmRSS:'):
            return int(line.split()[1])


def wait_for(what, so, longest=60):
    end = time.monotonic() + longest
    while not so():
        if time.monotonic() > end:
            sys.exit(f'sip.py: {what} did not come within {longest} s')
        time.sleep(0.1)


def api(method, path, body=None, kind='application/json'):
    request = urllib.request.Request(f'http://127.0.0.1:{HTTP}{path}', method=method, data=body)
    request.add_header('Authorization', f'Bearer {TOKEN}')
    if body:
        request.add_header('Content-Type', kind)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read()


class Tandem:
    """A Tandem of its own, with extensions u0000 ... and uas, password `secret`."""

    def __init__(self, extensions, trust=True):
        self.data = tempfile.mkdtemp(prefix='data-', dir=TMP)
        plans = os.path.join(self.data, 'dialplans')
        os.makedirs(plans)
        with open(os.path.join(plans, 'main.rhai'), 'w') as plan:
            plan.write('fn on_call(caller) { caller.dial(caller.dialed, #{ timeout: 20 }); }\n')
        args = [TANDEM, 'serve', '--data', self.data, '--dialplans', plans, '--sip', f'udp:127.0.0.1:{SIP}', '--http',
                f'127.0.0.1:{HTTP}', '--rtp', '127.0.0.1:40000-60999', '--domain', '127.0.0.1', '--log-level', 'warn']
        if trust:
            args += ['--trust', '127.0.0.1/32=u0001']
        env = dict(ENV, TANDEM_ADMIN_TOKEN=TOKEN, TANDEM_DEMO='0')
        self.log = open(os.path.join(self.data, 'log'), 'w')
        self.process = child(*args, env=env, stdout=self.log, stderr=self.log)
        self.pid = self.process.pid

        def healthy():
            if self.process.poll() is not None:
                sys.exit('sip.py: Tandem ended: ' + open(self.log.name).read())
            try:
                return api('GET', '/healthz') is not None
            except OSError:
                return False
        wait_for('Tandem', healthy)
        numbers = [f'u{i:04d}' for i in range(extensions)] + ['uas']
        for begin in range(0, len(numbers), 500):
            rows = ''.join(f'{number},{number},secret\n' for number in numbers[begin:begin + 500])
            api('POST', '/api/v1/extensions/import', ('number,name,password\n' + rows).encode(), 'text/csv')

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def register(number, contact):
    """Registers one contact, with a challenge."""
    phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    phone.bind(('127.0.0.1', 0))
    phone.settimeout(5)
    me = phone.getsockname()[1]
    uri, credentials = 'sip:127.0.0.1', ''
    for seq in (1, 2):
        phone.sendto((f'REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{me};branch=z9hG4bK{random.random()};rport\r\n'
                      f'From: <sip:{number}@127.0.0.1>;tag=b\r\nTo: <sip:{number}@127.0.0.1>\r\nCall-ID: {number}-{me}\r\n'
                      f'CSeq: {seq} REGISTER\r\nContact: <{contact}>\r\nMax-Forwards: 70\r\nExpires: 3600\r\n'
                      f'User-Agent: SIPp bench\r\n{credentials}Content-Length: 0\r\n\r\n').encode(), ('127.0.0.1', SIP))
        answer = phone.recv(65535).decode()
        if answer.startswith('SIP/2.0 200'):
            return
        line = next(line for line in answer.split('\r\n') if line.startswith('WWW-Authenticate') and 'MD5' in line)
        part = lambda name: line.split(name + '="')[1].split('"')[0]
        realm, nonce = part('realm'), part('nonce')
        response = md5(f'{md5(f"{number}:{realm}:secret")}:{nonce}:00000001:c:auth:{md5("REGISTER:" + uri)}')
        credentials = (f'Authorization: Digest username="{number}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
                       f'algorithm=MD5, qop=auth, nc=00000001, cnonce="c", response="{response}"\r\n')
    sys.exit(f'sip.py: {number} could not register: {answer.splitlines()[0]}')


class Kamailio:
    def __init__(self, config):
        text = open(f'{HERE}/{config}.cfg').read().replace('@TMP@', TMP)
        open(f'{TMP}/{config}.cfg', 'w').write(text)
        os.makedirs(f'{TMP}/dbtext', exist_ok=True)
        users = [f'u{i:04d}' for i in range(PHONES)]
        with open(f'{TMP}/dbtext/version', 'w') as version:
            version.write('table_name(string) table_version(int)\nhtable:2\nsubscriber:7\n')
        with open(f'{TMP}/dbtext/htable', 'w') as table:
            table.write('id(int,auto) key_name(string) key_type(int) value_type(int) key_value(string) expires(int)\n')
            table.writelines(f'{i + 1}:{user}:0:0:secret:0\n' for i, user in enumerate(users))
        self.process = child('kamailio', '-DD', '-E', '-f', f'{TMP}/{config}.cfg', '-m', '512', '-M', '16', '-P',
                             f'{TMP}/{config}.pid', '-Y', TMP, start_new_session=True)
        time.sleep(2)
        self.pids = tree(self.process.pid)
        if self.process.poll() is not None:
            sys.exit(f'sip.py: kamailio ended with {config}.cfg')

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            for pid in self.pids:
                os.kill(pid, signal.SIGKILL)


def last_line(path):
    lines = open(path).read().strip().split('\n')
    return dict(zip(lines[0].split(';'), lines[-1].split(';')))


def sipp(target, scenario, rate, count, *more):
    """Runs SIPp; returns how many calls went well and how many did not."""
    stats = f'{TMP}/stat.csv'
    if os.path.exists(stats):
        os.remove(stats)
    caller = child('sipp', f'127.0.0.1:{target}', '-sf', scenario, '-i', '127.0.0.1', '-p', '8560', '-mp', '8640', '-cp',
                   '8989', '-r', str(rate), '-m', str(count), '-l', '30000', '-nostdin', '-trace_stat', '-stf', stats,
                   '-fd', '1', '-timeout', '120', '-buff_size', '4000000', *more)
    caller.wait()
    last = last_line(stats)
    return int(last['SuccessfulCall(C)']), int(last['FailedCall(C)'])


def callee():
    answering = child('sipp', '-sf', f'{HERE}/uas.xml', '-i', '127.0.0.1', '-p', '8570', '-mp', '8660', '-nostdin', '-cp',
                      '8988', '-l', '100000', '-buff_size', '4000000')
    time.sleep(0.7)
    return answering


def caller_scenario(port, hold=100):
    path = f'{TMP}/uac-{port}-{hold}.xml'
    text = open(f'{HERE}/uac.xml.in').read()
    open(path, 'w').write(text.replace('DPORT', str(port)).replace('HOLD', str(hold)))
    return path


def calls(port, pids, name):
    """CPU seconds a thousand calls."""
    costs, failed = [], 0
    for _ in range(ROUNDS):
        answering = callee()
        before = cpu(pids())
        good, bad = sipp(port, caller_scenario(port), RATE, RATE * 10, '-s', 'uas')
        costs.append((cpu(pids()) - before) / max(good, 1) * 1000)
        failed += bad
        answering.kill()
        answering.wait()
    say(f'{name}: CPU per 1,000 calls at {RATE}/s', f'{statistics.median(costs):.3f}', 's')
    say(f'{name}: calls failed', failed, 'calls')
    return statistics.median(costs)


def bench_calls():
    figures = []
    for phones in (1, PHONES):
        tandem = Tandem(max(phones, 2))
        register('uas', 'sip:uas@127.0.0.1:8570')
        if phones > 1:
            register_all(tandem, phones)
        figures.append(calls(SIP, lambda: [tandem.pid], f'Tandem, {phones} registered'))
        tandem.stop()
    if shutil.which('kamailio'):
        kamailio = Kamailio('proxy')
        # A proxy without a registrar: the caller names where uas is.
        proxy = calls_through(kamailio)
        kamailio.stop()
        say('calls: Tandem (B2BUA, script, record) / Kamailio (proxy)', f'{figures[0] / proxy:.2f}', 'ratio')
    say('calls: 10,000 registered / 1 registered', f'{figures[1] / figures[0]:.2f}', 'ratio')


def calls_through(kamailio):
    costs = []
    for _ in range(ROUNDS):
        answering = callee()
        before = cpu(kamailio.pids)
        good, _ = sipp(35060, caller_scenario(8570), RATE, RATE * 10, '-s', 'uas')
        costs.append((cpu(kamailio.pids) - before) / max(good, 1) * 1000)
        answering.kill()
        answering.wait()
    say(f'Kamailio, stateful proxy: CPU per 1,000 calls at {RATE}/s', f'{statistics.median(costs):.3f}', 's')
    return statistics.median(costs)


def users_file(count):
    path = f'{TMP}/users-{count}.csv'
    with open(path, 'w') as users:
        users.write('SEQUENTIAL\n')
        users.writelines(f'u{i:04d};[authentication username=u{i:04d} password=secret]\n' for i in range(count))
    return path


def register_all(tandem, count):
    good, bad = sipp(SIP, f'{HERE}/reg.xml', 1000, count, '-inf', users_file(count), '-auth_uri', '127.0.0.1')
    if good < count:
        sys.exit(f'sip.py: {bad} of {count} registrations failed')


def bench_registrations():
    figures = {}
    rate, count = 1000, 5000

    def measure(name, port, pids):
        costs, failed = [], 0
        for _ in range(ROUNDS):
            before = cpu(pids)
            good, bad = sipp(port, f'{HERE}/reg.xml', rate, count, '-inf', users_file(2000), '-auth_uri', '127.0.0.1')
            costs.append((cpu(pids) - before) / max(good, 1) * 10_000)
            failed += bad
        say(f'{name}: CPU per 10,000 authenticated REGISTERs at {rate}/s', f'{statistics.median(costs):.3f}', 's')
        say(f'{name}: REGISTERs failed', failed, 'requests')
        figures[name] = statistics.median(costs)

    tandem = Tandem(2000)
    measure('Tandem, durable', SIP, [tandem.pid])
    tandem.stop()
    if shutil.which('kamailio'):
        kamailio = Kamailio('reg_htable')
        measure('Kamailio, in memory', 35061, kamailio.pids)
        kamailio.stop()
        ratio = figures['Tandem, durable'] / figures['Kamailio, in memory']
        say('registrations: Tandem (durable) / Kamailio (in memory)', f'{ratio:.2f}', 'ratio')


def bench_memory():
    tandem = Tandem(PHONES)
    register('uas', 'sip:uas@127.0.0.1:8570')
    idle = resident(tandem.pid)
    say('Tandem: resident, idle, 10,000 extensions', idle, 'KiB')
    register_all(tandem, PHONES)
    time.sleep(2)
    bound = resident(tandem.pid)
    say('Tandem: resident per registered contact', f'{(bound - idle) / PHONES:.2f}', 'KiB')
    time.sleep(35)  # transactions of the registrations end
    before, held = resident(tandem.pid), 2000
    answering = callee()
    caller = child('sipp', f'127.0.0.1:{SIP}', '-sf', caller_scenario(SIP, 70_000), '-i', '127.0.0.1', '-p', '8560', '-mp',
                   '8640', '-cp', '8989', '-r', '200', '-m', str(held), '-l', '30000', '-nostdin', '-timeout', '120', '-s', 'uas')
    wait_for('calls', lambda: len_calls() >= held, 60)
    time.sleep(40)  # transactions of the INVITEs end
    now = resident(tandem.pid)
    say(f'Tandem: resident per held call ({len_calls()} held, with media)', f'{(now - before) / held:.2f}', 'KiB')
    caller.kill()
    caller.wait()
    answering.kill()
    answering.wait()
    tandem.stop()


def len_calls():
    metrics = urllib.request.urlopen(f'http://127.0.0.1:{HTTP}/metrics', timeout=10).read().decode()
    return next(int(float(line.split()[-1])) for line in metrics.split('\n') if line.startswith('tandem_calls '))


if __name__ == '__main__':
    wanted = sys.argv[1:] or ['calls', 'registrations', 'memory']
    try:
        for what in wanted:
            {'calls': bench_calls, 'registrations': bench_registrations, 'memory': bench_memory}[what]()
    finally:
        shutil.rmtree(TMP, ignore_errors=True)
