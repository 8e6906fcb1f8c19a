# Every library the project needs. A missing one is named with its Debian and Fedora package.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(srptd_need name module debian fedora)
  pkg_check_modules(${name} IMPORTED_TARGET ${module})
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "${module} not found: install ${debian} (Debian) or ${fedora} (Fedora)")
  endif()
endfunction()

# As srptd_need(), but the build goes on; `lost` says what is missing without it.
function(srptd_want name module debian fedora lost)
  pkg_check_modules(${name} IMPORTED_TARGET ${module})
  if(NOT ${name}_FOUND)
    message(STATUS "${module} not found (${debian} / ${fedora}): ${lost}")
  endif()
endfunction()

srptd_need(IBVERBS libibverbs libibverbs-dev rdma-core-devel)
srptd_need(RDMACM librdmacm librdmacm-dev rdma-core-devel)
srptd_need(IBUMAD libibumad libibumad-dev rdma-core-devel)
srptd_need(LIBURING liburing liburing-dev liburing-devel)
# libaio has no pkg-config file everywhere.
find_path(LIBAIO_INCLUDE libaio.h)
find_library(LIBAIO_LIBRARY aio)
if(NOT LIBAIO_INCLUDE OR NOT LIBAIO_LIBRARY)
  message(FATAL_ERROR
          "libaio not found: install libaio-dev (Debian) or libaio-devel (Fedora)")
endif()
add_library(Libaio::aio UNKNOWN IMPORTED)
set_target_properties(Libaio::aio PROPERTIES IMPORTED_LOCATION ${LIBAIO_LIBRARY}
                      INTERFACE_INCLUDE_DIRECTORIES ${LIBAIO_INCLUDE})
srptd_need(LIBCONFIG libconfig libconfig-dev libconfig-devel)
srptd_need(JANSSON jansson libjansson-dev jansson-devel)
srptd_want(SYSTEMD libsystemd libsystemd-dev systemd-devel
           "srptd cannot tell systemd when it is ready; the unit needs Type=exec then")
srptd_want(MICROHTTPD libmicrohttpd libmicrohttpd-dev libmicrohttpd-devel
           "no HTTP listener for metrics (key metrics)")
if(SRPTD_TESTS)
  srptd_need(CMOCKA cmocka libcmocka-dev libcmocka-devel)
endif()
