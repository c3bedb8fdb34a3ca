<?php
define('DB_NAME', 'wordpress');
define('DB_USER', 'wordpress');
define('DB_PASSWORD', 'only-for-the-lab');
define('DB_HOST', 'localhost');
// The site is called by whatever address it is asked under, so that nobody is redirected.
define('WP_HOME', 'http://' . $_SERVER['HTTP_HOST']);
define('WP_SITEURL', WP_HOME);
// No outgoing requests: a lab host has no network to send them to.
define('WP_HTTP_BLOCK_EXTERNAL', true);
