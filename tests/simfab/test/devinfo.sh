#!/bin/sh
# ibv_devinfo and ibv_devices list the devices, in every profile.
. "$(dirname "$0")/lib.sh"
need ibv_devinfo
sim ibv_devinfo | grep -q 'hca_id:.*simfab0'
sim ibv_devinfo -v | grep -q 'GID\[.*3\].*::ffff:127.0.0.1'
sim ibv_devices | grep -q simfab0
[ "$(SIMFAB_DEVICES=3 "$SIMFAB_RUN" ibv_devinfo -l | grep -c simfab)" = 3 ]
for p in hca rxe siw nosrq minimal; do
	"$SIMFAB_RUN" -p $p ibv_devinfo | grep -q "simfab-$p"
done
! "$SIMFAB_RUN" -p nonsense ibv_devinfo 2>/dev/null
