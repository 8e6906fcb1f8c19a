# Packages of Debian (packaging/deb/build) and for rpm (packaging/rpm/build): one for the daemon, one for its
# administrators, one for initiators.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME srptd)
set(CPACK_PACKAGE_VENDOR "srptd")
# Who builds it, as other tools of Debian are told: DEBFULLNAME, DEBEMAIL.
set(CPACK_PACKAGE_CONTACT "srptd maintainers <root@localhost>")
if(DEFINED ENV{DEBEMAIL})
  set(CPACK_PACKAGE_CONTACT "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
endif()
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/packaging/deb/finish.cmake)
set(CPACK_COMPONENTS_ALL srptd srptctl srpio)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_SET_DESTDIR ON) # the configuration is in /etc
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_SRPTD_PACKAGE_NAME srptd)
set(CPACK_COMPONENT_SRPTD_DESCRIPTION "SCSI RDMA Protocol target daemon\n\
 Serves files and block devices to SRP initiators over InfiniBand, RoCE and\n\
 iWARP, in user space. The Linux kernel's initiator is ib_srp.")
set(CPACK_DEBIAN_SRPTD_PACKAGE_RECOMMENDS "srptctl, rdma-core")
set(CPACK_DEBIAN_SRPTD_PACKAGE_CONTROL_EXTRA
    "${CMAKE_SOURCE_DIR}/packaging/deb/conffiles;${CMAKE_SOURCE_DIR}/packaging/deb/postinst;\
${CMAKE_SOURCE_DIR}/packaging/deb/prerm;${CMAKE_SOURCE_DIR}/packaging/deb/postrm")

set(CPACK_DEBIAN_SRPTCTL_PACKAGE_NAME srptctl)
set(CPACK_COMPONENT_SRPTCTL_DESCRIPTION "administration of a running srptd\n\
 Shows who is logged in to the SCSI RDMA Protocol target and what it serves,\n\
 and changes LUNs and groups while it runs.")
set(CPACK_DEBIAN_SRPTCTL_PACKAGE_SUGGESTS "srptd, bash-completion")

set(CPACK_DEBIAN_SRPIO_PACKAGE_NAME srpio)
set(CPACK_COMPONENT_SRPIO_DESCRIPTION "SCSI RDMA Protocol initiator in user space\n\
 Discovers SRP targets, logs in, and reads, writes, verifies and measures their\n\
 logical units without the kernel.")

set(CPACK_RPM_COMPONENT_INSTALL ON)
set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_LICENSE "BSD-2-Clause")
set(CPACK_RPM_PACKAGE_GROUP "System Environment/Daemons")
set(CPACK_RPM_PACKAGE_AUTOREQ ON)
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
    /etc /usr/sbin /usr/bin /usr/lib /usr/share /usr/share/doc /usr/share/man /usr/share/man/man1
    /usr/share/man/man5 /usr/share/man/man7 /usr/share/man/man8 /usr/lib/systemd
    /usr/lib/systemd/system /usr/lib/sysusers.d /usr/lib/tmpfiles.d /usr/lib/udev
    /usr/lib/udev/rules.d /usr/share/bash-completion /usr/share/bash-completion/completions)
foreach(name SRPTD SRPTCTL SRPIO)
  string(TOLOWER ${name} component)
  set(CPACK_RPM_${name}_PACKAGE_NAME ${component})
endforeach()
set(CPACK_RPM_SRPTD_PACKAGE_SUMMARY "SCSI RDMA Protocol target daemon")
set(CPACK_RPM_SRPTCTL_PACKAGE_SUMMARY "Administration of a running srptd")
set(CPACK_RPM_SRPIO_PACKAGE_SUMMARY "SCSI RDMA Protocol initiator in user space")
set(CPACK_RPM_SRPTD_PACKAGE_RECOMMENDS "srptctl, rdma-core")
set(CPACK_RPM_SRPTD_USER_FILELIST "%config(noreplace) /etc/srptd/srptd.conf")
set(CPACK_RPM_SRPTD_POST_INSTALL_SCRIPT_FILE ${CMAKE_SOURCE_DIR}/packaging/rpm/post)
set(CPACK_RPM_SRPTD_PRE_UNINSTALL_SCRIPT_FILE ${CMAKE_SOURCE_DIR}/packaging/rpm/preun)
set(CPACK_RPM_SRPTD_POST_UNINSTALL_SCRIPT_FILE ${CMAKE_SOURCE_DIR}/packaging/rpm/postun)
include(CPack)
