package extract

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// processorsMax is how many the child takes: a server has other work.
	processorsMax = 2
	// stackBytesMax ends what calls itself without end.
	stackBytesMax = 64 << 20
	// memoryWatch is how often the child looks at its memory: at 2 GB/s it takes 40 MB meanwhile.
	memoryWatch = 20 * time.Millisecond
	// requestBytesMax is more than a name, a type and a path take.
	requestBytesMax = 64 << 10
)

// processorTime is how much of the processors' time the child may take.
func processorTime(clock time.Duration) time.Duration {
	return (processorsMax*clock + time.Second - 1).Truncate(time.Second)
}

// Child is what the child runs: it reads from stdin what it is asked, from file the file, and writes to stdout what it says of
// it. It gives the exit code. It may end the process itself: when it takes too much memory, and by the kernel's limits.
func Child(stdin io.Reader, file *os.File, stdout io.Writer) int {
	var asked request
	if err := json.NewDecoder(io.LimitReader(stdin, requestBytesMax)).Decode(&asked); err != nil || file == nil {
		return exitTrouble
	}
	asked.Limits = asked.Limits.withDefaults()
	runtime.GOMAXPROCS(min(processorsMax, runtime.GOMAXPROCS(0)))
	debug.SetMaxStack(stackBytesMax)
	debug.SetMemoryLimit(asked.Limits.Memory / 10 * 8) // it collects harder before it gives up
	limitProcess(asked.Limits)
	go watchMemory(asked.Limits.Memory)
	if _, err := stdout.Write([]byte("\n")); err != nil { // from here on, what it dies of is the file's fault
		return exitTrouble
	}
	out := newSink(stdout, asked.Limits)
	err := read(file, asked, out)
	if reason, ok := asError(err); ok {
		err = out.say(message{Error: reason})
	} else if err == nil {
		err = out.say(message{End: &end{Pages: out.pages}})
	}
	if err = errors.Join(err, out.flush()); err != nil {
		return exitTrouble
	}
	return 0
}

// watchMemory ends the process when it holds more than it may.
func watchMemory(bytesMax int64) {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	for ; ; time.Sleep(memoryWatch) {
		metrics.Read(sample)
		if sample[0].Value.Uint64()-sample[1].Value.Uint64() > uint64(bytesMax) {
			os.Exit(exitMemory)
		}
	}
}

// read reads the file. A panic is the file's fault: the readers are made for files that are right.
func read(file *os.File, asked request, out *sink) (err error) {
	defer func() {
		if recovered := recover(); recovered != nil {
			err = errBroken
			if failure, ok := recovered.(error); ok {
				if reason, ok := asError(failure); ok {
					err = reason
				}
			}
		}
	}()
	d, err := openDocument(file, asked)
	if err != nil {
		return err
	}
	return readers[d.format](d, out)
}
