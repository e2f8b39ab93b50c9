#!/bin/sh
# Plays Terraform in tests. It works in the folder of the root module, where the test has put plan.json, and writes down what
# it was asked for, a line for each time. It has the outputs of outputs.json, if that is there. With a file `fail` the next apply
# fails, once there is a file `go-on`; with a file `complaint` every plan fails, and says what is in it.
set -eu
if [ "$1" = version ]; then
	# Asked before there is a root module to work in.
	echo 'Terraform v1.11.0'
	exit
fi
echo "$*" >>asked
case "$*" in
output*) if [ -e outputs.json ]; then cat outputs.json; else echo '{}'; fi ;;
show*-json*) cat plan.json ;;
plan*)
	if [ -e complaint ]; then
		cat complaint >&2
		exit 1
	fi
	;;
apply*)
	if [ -e fail ]; then
		rm fail
		touch applying
		until [ -e go-on ]; do sleep 0.02; done
		echo BucketNotEmpty >&2
		exit 1
	fi
	;;
esac
