# Sourced: writes JUnit XML for what does not write its own.

# Both ends of a file: a sanitizer says first what it has found, a program last.
excerpt() {
	local lines
	lines=$(wc -l <"$1")
	if ((lines <= 80)); then
		cat "$1"
	else
		head -n 40 "$1"
		echo "[$((lines - 80)) lines]"
		tail -n 40 "$1"
	fi
}

# An excerpt of a file as XML: no bytes that XML cannot hold.
junit_escape() {
	excerpt "$1" | iconv -c -f UTF-8 -t UTF-8 | tr -d '\000-\010\013\014\016-\037' |
		sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g'
}

# junit_write FILE CASE SECONDS MESSAGE OUTPUT: one case; it failed if MESSAGE is not empty. OUTPUT is a file.
junit_write() {
	{
		echo '<?xml version="1.0" encoding="UTF-8"?>'
		echo "<testsuites><testsuite name=\"\"><testcase name=\"$2\" time=\"$3\">"
		if [[ -n $4 ]]; then
			echo "<failure message=\"$4\">"
			junit_escape "$5"
			echo '</failure>'
		fi
		echo '</testcase></testsuite></testsuites>'
	} >"$1"
}

# What the exit code of a command run under timeout(1) means; nothing for 0.
exit_message() {
	case $1 in
	0) ;;
	124 | 137) echo "hung: stopped after $2 seconds" ;;
	129 | 13[0-9] | 14[0-9] | 15[0-9]) echo "died of signal $(($1 - 128))" ;;
	*) echo "exit code $1" ;;
	esac
}

# Since a value of EPOCHREALTIME, with three decimals.
seconds_since() {
	local us=$((${EPOCHREALTIME/[.,]/} - ${1/[.,]/}))
	printf '%d.%03d' $((us / 1000000)) $((us / 1000 % 1000))
}
