<?php

declare(strict_types=1);

$composer = dirname(__DIR__) . '/vendor/autoload.php';
if (is_file($composer)) {
    require $composer;
    return;
}

// Without Composer, for example with PHPUnit from a package of Debian: the same directories as in composer.json.
spl_autoload_register(static function (string $class): void {
    foreach (['Desk\\Tests\\' => __DIR__, 'Desk\\' => dirname(__DIR__) . '/src'] as $prefix => $directory) {
        if (str_starts_with($class, $prefix)) {
            require $directory . '/' . str_replace('\\', '/', substr($class, strlen($prefix))) . '.php';
            return;
        }
    }
});
