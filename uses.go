package slipway

import "time"

// Uses is what the processes of an instance use of their machine.
type Uses struct {
	At     time.Time     `json:"at"`
	CPU    time.Duration `json:"cpu"`    // for which processors have run them; begins anew with each boot of the instance
	Busy   float64       `json:"busy"`   // processors that they kept busy since they were looked at before, or since the boot
	Memory int64         `json:"memory"` // bytes in memory; what several processes share counts for each
	Room   int64         `json:"room"`   // bytes that they could have besides, as far as the machine has them now and its control groups allow; 0: not known
}
