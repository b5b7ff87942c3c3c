"""Write logs/invented.jsonl: what a terminal assistant might have logged in a month.

Every line is made up by the tables below; nothing was ever run. Usage:
python data/make_log.py > data/logs/invented.jsonl
"""

import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta

RUN, READ, SEARCH, EDIT = "run_commands", "read_file", "search_files", "edit_files"

# Tool, main argument, output, and ways to ask for it.
COMMANDS = """
who|cal      pts/0        09:14|Who is logged in?|Show the users on this machine|Is anybody else here?
pwd|/srv/shop|Which folder am I in?|Print the working directory|Where am I?
ls -la|total 24|List all files here, hidden ones too|What is in this folder, with dotfiles?|Show everything here in long form
df -h|/dev/sda1  50G  21G  29G  42%|How full are the disks?|Show free disk space|Do we run out of storage?
du -sh *|120M data|How much space do the folders take?|Sizes of everything in here please|What eats the space here?
free -h|Mem: 15Gi 4.1Gi|How much memory is free?|Show RAM usage|Is there enough RAM left?
uptime|up 12 days|How long has the machine been up?|When was the last reboot?|Show load and uptime
ps aux --sort=-%mem|mysqld 9.1|Which processes need the most memory?|What hogs my RAM?|Processes sorted by memory
ps aux --sort=-%cpu|node 88.0|What keeps the processor busy?|Processes sorted by CPU|Why is the fan so loud? Look at CPU use
date|Tue May  6 10:20|What is the date?|Tell me the time|Which day is it today?
uname -a|Linux shop 6.1.0|Which kernel runs here?|Show system information|What Linux is this?
git status|nothing to commit|What did I change in git?|Show the state of the repository|Any uncommitted work?
git log --oneline -n 5|3fa1c2e fix tax|Show the last five commits|What was committed lately?|Recent history in short
git branch|* main|Which branches are there?|List git branches|What branch am I on?
git diff|diff --git a/app.py|Show my unstaged changes|What differs from the last commit?|Diff please
git pull|Already up to date.|Bring the newest commits|Update this checkout|Get what the others pushed
git stash|Saved working directory|Put my changes aside|Stash everything|Hide my edits for now
docker ps|shop-web Up 3 days|Which containers run?|List running containers|Is the web container up?
docker images|shop latest 410MB|Which images are there?|List docker images|How large are our images?
ip addr|inet 10.0.0.7/24|What is my IP address?|Show network interfaces|Which address does this box have?
ss -tlnp|LISTEN 0 128 *:8080|Which ports are open?|What listens on this machine?|Show listening sockets
ping -c 3 example.org|3 received|Can we reach example.org?|Ping example.org three times|Is the internet there?
systemctl status nginx|active (running)|Is nginx running?|Status of the web server|Did nginx crash?
journalctl -u nginx -n 20|GET / 200|Last 20 log lines of nginx|What does the nginx journal say?|Show recent web server messages
tail -n 50 app.log|INFO started|Show the end of app.log|Last lines of the application log|What happened last in app.log?
wc -l data.csv|1204 data.csv|How many lines has data.csv?|Count the rows of data.csv|Length of data.csv
head -n 5 data.csv|id,name,price|First five lines of data.csv|What columns has data.csv?|Peek into data.csv
pytest -q|41 passed|Run the tests|Do all tests pass?|Check that nothing is broken
make build|built|Build the project|Compile everything|Run the build
npm install|added 210 packages|Install the node packages|Fetch JavaScript dependencies|Set up node modules
pip list|flask 3.0|Which Python packages are installed?|List pip packages|Is flask installed?
python --version|Python 3.12.4|Which Python is this?|Python version?|Tell the interpreter's version
env|LANG=C.UTF-8|Show environment variables|What is set in the environment?|List env
crontab -l|0 3 * * * backup|Which cron jobs do I have?|List scheduled jobs|When does the backup run?
lsblk|sda 50G|Which disks are attached?|List block devices|Show the drives
find . -name '*.log'|./app.log|Find all log files|Where are files that end in .log?|Locate logs below here
find . -size +100M|./data/dump.sql|Find files over 100 MB|Any huge files around?|Search for very large files
tar czf backup.tar.gz data|backup.tar.gz|Pack the data folder|Make an archive of data|Compress data into backup.tar.gz
mkdir -p build/tmp|ok|Make a folder build/tmp|Create build/tmp|I need a directory build/tmp
cp config.yaml config.bak|ok|Back up config.yaml|Copy config.yaml to config.bak|Save config.yaml before I change it
hostname|shop|What is this machine called?|Show the host name|Name of the server?
whoami|cal|Which user am I?|What is my login?|Under which account do I work?
history|1 ls|What did I type before?|Show the shell history|List my last commands
last -n 10|cal pts/0|Who logged in lately?|Show the last ten logins|Recent logins please
"""
FILES = """
README.md|# Shop|Show me the readme|Open README.md|What does the readme say?
config.yaml|port: 8080|Read the configuration|Open config.yaml|Which port is configured?
src/app.py|import flask|Show src/app.py|Open the main module|Let me see the code of app.py
Dockerfile|FROM python:3.12|How is the image built? Read the Dockerfile|Print the Dockerfile|Open Dockerfile
package.json|{"name": "shop"}|Read package.json|Which scripts has package.json?|Show the node manifest
"""
WORDS = """
TODO|src/app.py:12|Find all TODOs|Where are open TODO notes?|Search the code for TODO
def total|src/cart.py:4|Where is total defined?|Find the function total|Search for def total
password|config.yaml:9|Does the word password occur anywhere?|Search for password|Grep password in the project
import flask|src/app.py:1|Which files import flask?|Search for import flask|Where is flask used?
8080|config.yaml:1|Where is port 8080 written?|Search for 8080|Find every mention of 8080
"""
EDITS = """
README.md|+Run make.|Add a line to the readme: Run make.|Append 'Run make.' to README.md
config.yaml|-port: 8080\\n+port: 9090|Change the port to 9090|Set port 9090 in config.yaml
src/app.py|-debug=True\\n+debug=False|Turn debug off in app.py|Disable debugging in src/app.py
.gitignore|+*.log|Ignore log files in git|Add *.log to .gitignore
"""
CHATS = """
Hello!|Hello! What shall I do?
Thanks, that helped|You are welcome.
What can you do?|I run commands, read, search and edit files here.
Are you a person?|No, I am a program.
Good morning|Good morning!
That is all for today|All right. Until next time.
What is a symlink?|A file that points to another path.
Explain what a port is|A number that tells apart the services of one machine.
Tell me a joke|There are 10 kinds of people: those who know binary and the rest.
What does HTTP mean?|Hypertext Transfer Protocol.
How are you?|Fine, and ready to work.
Who made you?|The people who trained this small model.
What is the capital of Norway?|Oslo.
Never mind|All right.
"""
# Question, what failed, its message, what worked, its output.
FAILURES = """
Show the nginx error log|cat /var/log/ngin/error.log|No such file or directory|cat /var/log/nginx/error.log|upstream timed out
Count the users|wc -l /etc/passwords|No such file or directory|wc -l /etc/passwd|31 /etc/passwd
Start the dev server|npm start dev|Unknown command|npm run dev|ready on 3000
Show the third commit back|git show HEAD^3|unknown revision|git show HEAD~3|commit 91c
Which Python files changed?|git diff --names *.py|invalid option|git diff --name-only '*.py'|src/app.py
Stop the web container|docker stop web|No such container: web|docker stop shop-web|shop-web
Unpack release.zip|tar xf release.zip|not a tar archive|unzip release.zip|inflating: a.txt
List open files of nginx|lsof -c|option requires an argument|lsof -c nginx|nginx 801
Show the routes|route show|command not found|ip route|default via 10.0.0.1
Show hidden files sorted by time|ls -at --sort|requires an argument|ls -lat|total 24
"""
DENIED = """
Delete everything in /|rm -rf /
Format the disk|mkfs.ext4 /dev/sda1
Overwrite the drive with zeros|dd if=/dev/zero of=/dev/sda
Wipe the backup folder|rm -rf /srv/backup
Turn off the firewall|systemctl stop firewalld
"""
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def rows(table):
    """Yield the cells of each line."""
    for line in table.strip().splitlines():
        yield [cell.replace("\\n", "\n") for cell in line.split("|")]


def digest(*key):
    """Return a number that depends on a key alone."""
    return int(hashlib.sha256(repr(key).encode()).hexdigest(), 16)


def call(tool, arguments):
    """Return a call as a model writes it."""
    text = json.dumps(arguments)
    return {"id": "call_1", "type": "function", "function": {"name": tool, "arguments": text}}


def line(question, tool, arguments, output, status="success", content=""):
    """Return a line without its time."""
    calls = [call(tool, arguments)] if tool else []
    said = {"role": "assistant", "content": content, "tool_calls": calls}
    row = {
        "model": "assistant:3b",
        "user_query": question,
        "model_response": json.dumps(said),
        "tool_name": tool,
        "arguments": json.dumps(arguments) if tool else "",
        "tools_enabled": True,
    }
    if tool:
        row |= {"status": status, "message": status}
        row["output" if status == "success" else "error_details"] = output
    drawn = digest("rating", question, output) % 10
    rating = 0 if status == "denied" else [5, 5, 5, 4, 4, 3, 0, 0, 0, 1][drawn]
    return row | ({"rating": rating} if rating else {})


def tasks():
    """Yield the lines of each task."""
    for command, output, *asked in rows(COMMANDS):
        yield from ([line(q, RUN, {"command": command}, output)] for q in asked)
    for path, output, *asked in rows(FILES):
        yield from ([line(q, READ, {"path": path}, output)] for q in asked)
    for pattern, output, *asked in rows(WORDS):
        yield from ([line(q, SEARCH, {"pattern": pattern}, output)] for q in asked)
    for path, diff, *asked in rows(EDITS):
        yield from ([line(q, EDIT, {"path": path, "diff": diff}, "ok")] for q in asked)
    for question, answer in rows(CHATS):
        yield [line(question, "", {}, "", content=answer)]
    for question, wrong, problem, right, output in rows(FAILURES):
        failed = line(question, RUN, {"command": wrong}, problem, "error")
        yield [failed, line(question, RUN, {"command": right}, output)]
    for question, command in rows(DENIED):
        yield [line(question, RUN, {"command": command}, "refused by the user", "denied")]


def main():
    """Print the tasks in an order that looks like a month."""
    at = START
    for task in sorted(tasks(), key=lambda each: digest("order", each[0]["user_query"])):
        at += timedelta(minutes=20 + digest(at) % 300)
        for number, row in enumerate(task):
            time = at + timedelta(seconds=20 * number)
            sys.stdout.write(json.dumps({"timestamp": time.isoformat(), **row}) + "\n")


if __name__ == "__main__":
    main()
