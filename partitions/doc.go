// Package partitions runs the partitions of this node: it executes commands on a partition's state, puts
// their effects into the log in groups, releases replies in the order of acknowledgement, applies what is
// acknowledged, and recovers by replaying the log (DESIGN.md).
//
// It promises that a unit is visible to others only as a whole, that a reply which rests on an effect can wait for
// that effect's record (I2, I3), that nothing reaches Pebble before its record is acknowledged (I1), and that a record
// whose outcome is unknown is never reported as done or as not done (I11). It never speaks RESP and
// never knows which Log it writes to.
package partitions
