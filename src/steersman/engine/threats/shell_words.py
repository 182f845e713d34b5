"""The names of commands, by how much a name alone says about a value.

A name that is no word of any language counts as soon as it stands where a command would; a word needs an argument that
looks like one. Grouped by what they are for, so that it shows what is missing.
"""

from __future__ import annotations

_OF_UNIX = """
    id ls pwd whoami uname logname groups getent lscpu lsblk lsmod lsusb lspci lsof lsattr dmesg uptime hostname
    hostnamectl timedatectl loginctl ps pstree pgrep pkill killall renice nproc vmstat iostat mpstat sar sysctl
    systemctl journalctl initctl chkconfig rc-update insmod modprobe rmmod mount umount df du dd mkfs fdisk parted blkid
    chmod chown chgrp chattr chroot setfacl getfacl umask mkfifo mknod mktemp ln rm rmdir mkdir mv cp rsync
    sudo doas su passwd chpasswd useradd usermod userdel adduser addgroup deluser groupadd visudo vipw crontab atq
    aa-disable aa-enforce aa-complain aa-exec apparmor_parser setenforce restorecon chcon semanage rmt
    env printenv nohup setsid strace ltrace gdb lldb stdbuf ionice xargs tee tac nl od xxd hexdump base32 base64
    uuencode uudecode basenc grep egrep fgrep zgrep rg awk gawk mawk nawk sed csplit uniq wc rev shuf tsort
    vi vim vimdiff view nvim emacs nano pico ed ex
    bash sh zsh ksh ash dash csh tcsh fish rbash busybox toybox tmux screen expect
"""
_OF_NETWORKS = """
    wget curl aria2c lynx w3m elinks links nc ncat netcat socat telnet ssh scp sftp ssh-keygen sshpass ftp tftp lftp
    ifconfig ip netstat ss arp route iptables ip6tables nft ufw tcpdump tshark nmap masscan zmap hping3 arping
    ping ping6 traceroute traceroute6 tracepath mtr dig nslookup whois finger rlogin rsh rexec snmpwalk snmpget
    rpcinfo showmount smbclient ldapsearch openssl gpg wireguard
"""
_OF_TOOLS = """
    python pypy perl ruby irb php lua luajit tclsh node nodejs deno bun java javac jjs jrunscript jshell groovy scala
    gcc cc g++ clang tcc c89 c99 as ld nasm gfortran rustc cargo golang ghc ocaml swipl octave julia cpan pip pipx gem
    npm npx yarn composer easy_install apt apt-get aptitude dpkg dnf yum rpm zypper pacman apk brew snap flatpak
    make cmake git svn hg rake tar bsdtar cpio ar gzip gunzip zcat bzip2 bunzip2 bzcat xz xzcat unxz zstd unzstd zstdcat
    lz4 lzma lzcat zip unzip unrar 7z 7za mysql mysqldump psql pg_dump sqlite3 redis-cli mongo mongosh docker podman
    kubectl helm crictl ctr nsenter unshare runc ansible ansible-playbook ansible-vault ansible-galaxy ansible-doc
    ansible-pull ansible-config ansible-console ansible-inventory chef chef-shell chef-run chef-client chef-solo
    chef-vault knife puppet facter salt salt-call terraform vagrant aws gcloud az cscli perf bpftrace valgrind
    sendmail mailx mutt crash pdb genisoimage wireshark tshark rlwrap socket sysdig
"""
_OF_WINDOWS = """
    cmd powershell pwsh ipconfig systeminfo tasklist taskkill certutil certreq bitsadmin wmic reg regedit regini net
    net1 netsh nbtstat rundll32 regsvr32 regasm regsvcs installutil msbuild mshta cscript wscript msiexec msdt odbcconf
    schtasks sc icacls cacls xcacls takeown attrib cipher vssadmin wbadmin bcdboot bcdedit diskpart
    diskshadow dsquery dsget nltest gpresult gpupdate whoami qwinsta quser query tskill pslist psexec psinfo winrm winrs
    forfiles findstr robocopy xcopy mklink rmdir chkdsk chkntfs chcp choice clip cmdkey cmstp cmdl32 convert defrag
    doskey driverquery esentutl eventcreate eventvwr expand extrac32 fsutil getmac hh ieexec infdefaultinstall
    makecab mavinject mmc mode mountvol msconfig msg openfiles pathping pcalua pnputil powercfg presentationhost
    prncnfg pubprn rasdial recover regsvr sfc setx shadow subst sxstrace syncappvpublishingserver systemproperties
    tracert tree typeperf tzutil verclsid w32tm wevtutil where wecutil wuauclt
"""
_OF_ENGLISH = """
    cat type dir echo find head tail more less sort sleep kill who date touch read test time set unset export print
    printf exec eval source timeout shutdown reboot halt poweroff at watch split cut last history declare alias command
    builtin jobs bg fg trap wait popd pushd locate which whereis strings file diff join paste fold users top w
    cd call start goto rem copy del erase move ren rename fc help for if label vol ver assoc path expand convert
    mode msg query recover shadow subst tree where choice clip help host install go mail nice groups
    screen view expect links ip finger route ed ex as make git fish node lua dash java perl rev view
    snap salt chef puppet knife docker helm az ld ar hg
"""

_NAMES_OF_TOOLS = """
    apt apt-get dnf yum pip npm docker kubectl helm systemctl ansible chef cscli git cargo gem aws gcloud
    ansible-galaxy ansible-doc ansible-playbook ansible-vault ansible-pull ansible-config ansible-inventory chef-run
    chef-client chef-solo chef-vault salt-call redis-cli aa-disable aa-enforce aa-complain aa-exec
"""
#: Names that are no words, or words that nobody sends alone.
NAMES = frozenset(f"{_OF_UNIX} {_OF_NETWORKS} {_OF_TOOLS} {_OF_WINDOWS}".split()) - frozenset(_OF_ENGLISH.split())
#: Names that are words of English too, or of two letters that mean much else.
WORDS = frozenset(_OF_ENGLISH.split())
#: Tools whose subcommands are plain words.
TOOLS = frozenset(_NAMES_OF_TOOLS.split())
_NAMES_OF_CLIENTS = """
    curl wget python java node ruby perl php lynx w3m elinks aria2c git deno bun docker
"""
#: Programs that ask for pages: their name alone in a header is what they call themselves.
CLIENTS = frozenset(_NAMES_OF_CLIENTS.split())
_NAMES_OF_TAKEN = """
    wget curl nc ncat netcat socat telnet ping ping6 nslookup dig traceroute tracert tftp scp ssh sshpass chmod chown rm
    mkfifo base64 xxd certutil bitsadmin powershell pwsh python perl ruby php bash sh zsh ls cp mv ifconfig uname nmap
"""
#: Names that nobody searches for or calls anything by: alone, they are a value that somebody wants to see run.
_NAMES_ALONE = (
    "whoami ifconfig ipconfig visudo useradd userdel usermod chpasswd hostnamectl systeminfo tasklist getent lsattr"
    " ansible-console chef-shell"
)
ALONE = frozenset(_NAMES_ALONE.split())
#: Words that take a drive of Windows.
ON_DRIVES = frozenset(["dir", "cd", "type", "copy", "move", "del", "erase", "start", "more", "find"])
#: What attackers run first, with an argument of any kind.
TAKEN = frozenset(_NAMES_OF_TAKEN.split())
#: Commands that run another one.
WRAPPERS = "sudo|doas|time|nohup|strace|ltrace|timeout|env|nice|ionice|exec|command|builtin|setsid|stdbuf|busybox|xargs"
